import CGnuTLS
import System
import WebConfiguration

extension WebConfiguration.TLS {
    /// The alert and the reason with which a session is refused for its client's certificate, or
    /// for the lack of one; nil where it is accepted.
    func refusal(ofClientOf session: OpaquePointer) -> (gnutls_alert_description_t, reason: String)? {
        var count: CUnsignedInt = 0
        // In DER; GnuTLS holds it as long as the session.
        let list = unsafe gnutls_certificate_get_peers(session, &count)
        guard count > 0, let certificate = unsafe list?.pointee else {
            guard [.requireAny, .requireAndVerify].contains(clientAuthentication) else { return nil }
            // TLS 1.3 has an alert for a missing certificate, the versions before have one for
            // everything.
            let isNew = unsafe gnutls_protocol_get_version(session).rawValue >= GNUTLS_TLS1_3.rawValue
            let alert = isNew ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE
            return (alert, "the client sent no certificate, and client_auth_type requires one")
        }
        if [.verifyIfGiven, .requireAndVerify].contains(clientAuthentication),
            let refusal = unsafe refusalOfAuthorities(session)
        {
            return refusal
        }
        guard let allowedNames, unsafe !names(in: certificate).contains(where: allowedNames.contains) else {
            return nil
        }
        return (GNUTLS_A_BAD_CERTIFICATE, "none of the names in the client's certificate is in client_allowed_sans")
    }

    /// What is wrong with the chain to those whom we trust, for the purpose of being a client.
    private func refusalOfAuthorities(_ session: OpaquePointer) -> (gnutls_alert_description_t, reason: String)? {
        var status: CUnsignedInt = 0
        // The purpose is a text that ends with NUL; 0 for its length says so.
        let purpose = Array(GNUTLS_KP_TLS_WWW_CLIENT.utf8CString)
        let code = unsafe purpose.withUnsafeBytes { text in
            let text = unsafe UnsafeMutableRawPointer(mutating: text.baseAddress)?.assumingMemoryBound(to: UInt8.self)
            var data = unsafe gnutls_typed_vdata_st(type: GNUTLS_DT_KEY_PURPOSE_OID, data: text, size: 0)
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

    /// The alternative names in a certificate: of hosts, mail addresses, URIs, and IP addresses in
    /// their usual form.
    private func names(in certificate: gnutls_datum_t) -> [String] {
        var allocated: gnutls_x509_crt_t?
        guard unsafe gnutls_x509_crt_init(&allocated) == 0, let made = unsafe allocated else { return [] }
        defer { unsafe gnutls_x509_crt_deinit(made) }
        var datum = unsafe certificate
        guard unsafe gnutls_x509_crt_import(made, &datum, GNUTLS_X509_FMT_DER) == 0 else { return [] }
        var names: [String] = []
        for index in 0... {
            // A longer name is on no list.
            var bytes = [UInt8](repeating: 0, count: 4_096)
            var size = bytes.count
            let code = unsafe gnutls_x509_crt_get_subject_alt_name(made, CUnsignedInt(index), &bytes, &size, nil)
            if code == GNUTLS_E_SHORT_MEMORY_BUFFER { continue }
            if code < 0 { break }
            switch UInt32(code) {
            case GNUTLS_SAN_DNSNAME.rawValue, GNUTLS_SAN_RFC822NAME.rawValue, GNUTLS_SAN_URI.rawValue:
                names.append(String(decoding: bytes.prefix(size), as: UTF8.self))
            case GNUTLS_SAN_IPADDRESS.rawValue:
                if let address = address(Array(bytes.prefix(size))) { names.append(address) }
            default: break
            }
        }
        return names
    }

    /// The usual form of an address of four or sixteen bytes; nil for another number of bytes. An
    /// IPv4 address within IPv6 is written as IPv4.
    private func address(_ bytes: [UInt8]) -> String? {
        let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]
        if bytes.count == 16, bytes.starts(with: mapped) { return address(Array(bytes.dropFirst(12))) }
        return SocketAddress.text(ofAddress: bytes)
    }
}
