import CGnuTLS
import WebConfiguration

/// Certificates and keys in PEM, as GnuTLS reads them.
enum PEM {
    /// Calls a function with bytes in GnuTLS's form. GnuTLS reads them only.
    static func withDatum<Result>(
        _ bytes: [UInt8],
        _ body: (UnsafePointer<gnutls_datum_t>) -> Result
    ) -> Result {
        unsafe bytes.withUnsafeBufferPointer { memory in
            var datum = unsafe gnutls_datum_t(
                data: UnsafeMutablePointer(mutating: memory.baseAddress),
                size: UInt32(memory.count)
            )
            return unsafe body(&datum)
        }
    }

    /// GnuTLS's words for one of its errors.
    static func text(of code: CInt) -> String {
        // A constant text of the library.
        unsafe String(cString: gnutls_strerror(code))
    }

    /// The kind of a key.
    static func keyKind(_ key: [UInt8], of material: WebConfiguration.Material) throws(Problem) -> PriorityText.KeyKind
    {
        var allocated: gnutls_x509_privkey_t?
        guard unsafe gnutls_x509_privkey_init(&allocated) == 0, let made = unsafe allocated else {
            fatalError("out of memory")
        }
        defer { unsafe gnutls_x509_privkey_deinit(made) }
        let code = unsafe withDatum(key) {
            unsafe gnutls_x509_privkey_import2(made, $0, GNUTLS_X509_FMT_PEM, nil, 0)
        }
        guard code != GNUTLS_E_DECRYPTION_FAILED else {
            throw material.problem("is an encrypted key; expected one without a password")
        }
        guard code == 0 else { throw material.problem(lacks: "key", "PRIVATE KEY", code) }
        let algorithm = unsafe gnutls_x509_privkey_get_pk_algorithm(made)
        let isRSA = [GNUTLS_PK_RSA.rawValue, GNUTLS_PK_RSA_PSS.rawValue].contains(UInt32(algorithm))
        return isRSA ? .rsa : .elliptic
    }

    /// Checks that there is a certificate, and that it may be used for TLS.
    static func checkCertificate(_ certificate: [UInt8], of material: WebConfiguration.Material) throws(Problem) {
        var list: UnsafeMutablePointer<gnutls_x509_crt_t?>?
        var count: CUnsignedInt = 0
        let code = unsafe withDatum(certificate) {
            unsafe gnutls_x509_crt_list_import2(&list, &count, $0, GNUTLS_X509_FMT_PEM, 0)
        }
        guard code >= 0 else { throw material.problem(lacks: "certificate", "CERTIFICATE", code) }
        var usage: CUnsignedInt = 0
        let first = unsafe list?.pointee
        let isForAnything = unsafe gnutls_x509_crt_get_key_usage(first, &usage, nil) != 0
        for place in 0..<Int(count) { unsafe gnutls_x509_crt_deinit(list?[place]) }
        unsafe cgnutls_free(list)
        guard isForAnything || usage & CUnsignedInt(GNUTLS_KEY_DIGITAL_SIGNATURE) != 0 else {
            throw material.problem(
                "has a key usage without digitalSignature, and every TLS handshake would fail; expected one with it"
            )
        }
    }
}

extension WebConfiguration.Material {
    /// What is wrong with it, beginning with the file that it is in, if any.
    func problem(_ reason: String) -> Problem {
        let name = if case .file(let path) = source { path.debugDescription + " " } else { "" }
        return Problem(place: place, reason: name + reason)
    }

    /// That it lacks what it should hold.
    ///
    /// - Parameters:
    ///   - thing: what that is.
    ///   - label: what stands in its first line.
    ///   - code: the error of GnuTLS; 0 or more where there is none.
    func problem(lacks thing: String, _ label: String, _ code: CInt) -> Problem {
        let advice = if case .inline = source { "; the name of a file goes under \(place.key)_file" } else { "" }
        let words = code < 0 ? " (GnuTLS: \(PEM.text(of: code)))" : ""
        return problem("holds no \(thing); expected PEM, from -----BEGIN \(label)----- on\(advice)\(words)")
    }
}
