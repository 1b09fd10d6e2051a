import CGnuTLS
import Glibc
import WebConfiguration

/// The certificate that a client has shown in a handshake, if any.
@safe
struct ClientCertificate {
    private let session: OpaquePointer
    /// In DER; GnuTLS holds it as long as the session. nil where the client has shown none.
    private let certificate: gnutls_datum_t?

    init(of session: OpaquePointer) {
        unsafe self.session = session
        var count: CUnsignedInt = 0
        let list = unsafe gnutls_certificate_get_peers(session, &count)
        if count > 0 { unsafe certificate = list?.pointee } else { unsafe certificate = nil }
    }

    /// The alert for a client that is not let in, and the reason; nil for one that is.
    func refusal(by configuration: WebConfiguration.TLS) -> (gnutls_alert_description_t, reason: String)? {
        guard unsafe certificate != nil else {
            switch configuration.clientAuthentication {
            case .none, .request, .verifyIfGiven: return nil
            case .requireAny, .requireAndVerify:
                // TLS 1.3 has an alert for a missing certificate, the versions before have one for everything.
                let version = unsafe gnutls_protocol_get_version(session)
                let isNew = version.rawValue >= GNUTLS_TLS1_3.rawValue
                let alert = isNew ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE
                return (alert, "the client shows no certificate, and client_auth_type requires one")
            }
        }
        switch configuration.clientAuthentication {
        case .none: return nil
        case .request, .requireAny: break
        case .verifyIfGiven, .requireAndVerify:
            if let refusal = refusalOfAuthorities { return refusal }
        }
        guard let allowed = configuration.allowedNames, !names.contains(where: allowed.contains) else { return nil }
        return (GNUTLS_A_BAD_CERTIFICATE, "none of the names in the client's certificate is in client_allowed_sans")
    }

    /// What is wrong with the chain to those whom we trust, for the purpose of being a client.
    private var refusalOfAuthorities: (gnutls_alert_description_t, reason: String)? {
        var status: CUnsignedInt = 0
        // The purpose is a text that ends with NUL; 0 for its length says so.
        let purpose = Array(GNUTLS_KP_TLS_WWW_CLIENT.utf8CString)
        let code = unsafe purpose.withUnsafeBufferPointer { text in
            var data = unsafe gnutls_typed_vdata_st(
                type: GNUTLS_DT_KEY_PURPOSE_OID,
                data: UnsafeMutableRawPointer(mutating: text.baseAddress)?.assumingMemoryBound(to: UInt8.self),
                size: 0
            )
            return unsafe gnutls_certificate_verify_peers(session, &data, 1, &status)
        }
        guard code == 0 else {
            return (GNUTLS_A_BAD_CERTIFICATE, "the client's certificate cannot be verified: \(gnutlsText(code))")
        }
        if status == 0 { return nil }
        if status & GNUTLS_CERT_SIGNER_NOT_FOUND.rawValue != 0 {
            return (GNUTLS_A_UNKNOWN_CA, "no trusted authority has signed the client's certificate")
        }
        if status & GNUTLS_CERT_EXPIRED.rawValue != 0 {
            return (GNUTLS_A_CERTIFICATE_EXPIRED, "the client's certificate has expired")
        }
        return (GNUTLS_A_BAD_CERTIFICATE, "the client's certificate is not valid for a client")
    }

    /// The alternative names in the certificate: of hosts, mail addresses, URIs, and IP addresses in their usual form.
    private var names: [String] {
        var allocated: gnutls_x509_crt_t?
        guard unsafe gnutls_x509_crt_init(&allocated) == 0, let made = unsafe allocated else { return [] }
        defer { unsafe gnutls_x509_crt_deinit(made) }
        guard var datum = unsafe certificate,
            unsafe gnutls_x509_crt_import(made, &datum, GNUTLS_X509_FMT_DER) == 0
        else { return [] }
        var names: [String] = []
        var index: CUnsignedInt = 0
        while true {
            // A longer name is on no list.
            var bytes = [UInt8](repeating: 0, count: 4_096)
            var size = bytes.count
            let code = unsafe gnutls_x509_crt_get_subject_alt_name(made, index, &bytes, &size, nil)
            guard code >= 0 || code == GNUTLS_E_SHORT_MEMORY_BUFFER else { return names }
            if code >= 0, let name = Self.name(of: UInt32(code), bytes.prefix(size)) { names.append(name) }
            index += 1
        }
    }

    /// A name of one type; nil where it is of a type that is not compared.
    private static func name(of type: UInt32, _ bytes: ArraySlice<UInt8>) -> String? {
        switch type {
        case GNUTLS_SAN_DNSNAME.rawValue, GNUTLS_SAN_RFC822NAME.rawValue, GNUTLS_SAN_URI.rawValue:
            String(decoding: bytes, as: UTF8.self)
        case GNUTLS_SAN_IPADDRESS.rawValue: address(Array(bytes))
        default: nil
        }
    }
    /// The usual form of an address of four or sixteen bytes; nil for another number of bytes. An IPv4 address within IPv6
    /// is written as IPv4.
    private static func address(_ bytes: [UInt8]) -> String? {
        let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]
        if bytes.count == 16, bytes.starts(with: mapped) { return address(Array(bytes.dropFirst(12))) }
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        return unsafe inet_ntop(family, bytes, &text, socklen_t(text.count)).map { unsafe String(cString: $0) }
    }
}
