import CGnuTLS
import System
import WebConfiguration

/// What the files and texts of a TLS configuration hold, in PEM, read at one moment.
struct TLSFiles: Equatable, Sendable {
    let certificate: [UInt8]
    let key: [UInt8]
    let clientCA: [UInt8]?

    init(of tls: WebConfiguration.TLS) throws(Problem) {
        certificate = try tls.certificate.bytes()
        key = try tls.key.bytes()
        clientCA = try tls.clientCA?.bytes()
    }
}

extension WebConfiguration.Material {
    fileprivate func bytes() throws(Problem) -> [UInt8] {
        switch source {
        case .inline(let bytes): bytes
        case .file(let path):
            try readSmallFile(path) { Problem(place: place, reason: "cannot read \"\(path)\": \($0)") }
        }
    }

    /// What is wrong with it, beginning with the file that it is in, if any.
    func problem(_ reason: String) -> Problem {
        let name = if case .file(let path) = source { "\"\(path)\" " } else { "" }
        return Problem(place: place, reason: name + reason)
    }

    /// The error for a missing certificate or key, which begins with this label.
    ///
    /// - Parameter code: the error of GnuTLS; 0 or more without an error.
    func problem(lacks thing: String, _ label: String, _ code: CInt) -> Problem {
        let advice = if case .inline = source { "; the name of a file goes under \(place.key)_file" } else { "" }
        let words = code < 0 ? " (GnuTLS: \(gnutlsText(code)))" : ""
        return problem("holds no \(thing); expected PEM, from -----BEGIN \(label)----- on\(advice)\(words)")
    }

    func kind(ofKey key: [UInt8]) throws(Problem) -> KeyKind {
        // The key is made if 0 is returned, and lives until the end of this function.
        var allocated: gnutls_x509_privkey_t?
        guard unsafe gnutls_x509_privkey_init(&allocated) == 0, let made = unsafe allocated else {
            fatalError("out of memory")
        }
        defer { unsafe gnutls_x509_privkey_deinit(made) }
        let code = unsafe withDatum(key) {
            unsafe gnutls_x509_privkey_import2(made, $0, GNUTLS_X509_FMT_PEM, nil, 0)
        }
        if code == GNUTLS_E_DECRYPTION_FAILED {
            throw problem("is an encrypted key; expected one without a password")
        }
        guard code == 0 else { throw problem(lacks: "key", "PRIVATE KEY", code) }
        let algorithm = unsafe UInt32(gnutls_x509_privkey_get_pk_algorithm(made))
        return [GNUTLS_PK_RSA.rawValue, GNUTLS_PK_RSA_PSS.rawValue].contains(algorithm) ? .rsa : .elliptic
    }

    /// Checks that there is a certificate, and that it may be used for TLS.
    func check(_ certificate: [UInt8]) throws(Problem) {
        // GnuTLS allocates the list and the certificates in it, which are freed below.
        var list: UnsafeMutablePointer<gnutls_x509_crt_t?>?
        var count: CUnsignedInt = 0
        let code = unsafe withDatum(certificate) {
            unsafe gnutls_x509_crt_list_import2(&list, &count, $0, GNUTLS_X509_FMT_PEM, 0)
        }
        guard code >= 0 else { throw problem(lacks: "certificate", "CERTIFICATE", code) }
        var usage: CUnsignedInt = 0
        let isForAnything = unsafe gnutls_x509_crt_get_key_usage(list?.pointee, &usage, nil) != 0
        let isOfAuthority = unsafe gnutls_x509_crt_get_ca_status(list?.pointee, nil) > 0
        for place in 0..<Int(count) { unsafe gnutls_x509_crt_deinit(list?[place]) }
        unsafe cgnutls_free(list)
        if isOfAuthority, count > 1, !isForAnything, usage & CUnsignedInt(GNUTLS_KEY_DIGITAL_SIGNATURE) == 0 {
            throw problem("begins with the certificate of an authority; the server's own has to come first")
        }
        guard isForAnything || usage & CUnsignedInt(GNUTLS_KEY_DIGITAL_SIGNATURE) != 0 else {
            throw problem(
                "has a key usage without digitalSignature, and every TLS handshake would fail; expected one with it"
            )
        }
    }
}

/// Calls a function with bytes in GnuTLS's form.
func withDatum<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> Result) -> Result {
    unsafe bytes.withUnsafeBufferPointer { memory in
        // GnuTLS only reads them.
        let data = unsafe UnsafeMutablePointer(mutating: memory.baseAddress)
        var datum = unsafe gnutls_datum_t(data: data, size: UInt32(memory.count))
        return unsafe body(&datum)
    }
}

/// Credentials without a certificate, which the caller frees.
func emptyCredentials() -> gnutls_certificate_credentials_t {
    // They are made if 0 is returned.
    var allocated: gnutls_certificate_credentials_t?
    guard unsafe gnutls_certificate_allocate_credentials(&allocated) == 0, let made = unsafe allocated else {
        fatalError("out of memory")
    }
    return unsafe made
}

/// GnuTLS's words for one of its errors.
func gnutlsText(_ code: CInt) -> String {
    // A constant text of the library.
    unsafe String(cString: gnutls_strerror(code))
}

/// Reads a regular file of at most 1 MiB; no certificate or configuration is larger.
///
/// - Parameter problem: what to throw for a reason.
func readSmallFile(_ path: String, _ problem: (String) -> Problem) throws(Problem) -> [UInt8] {
    let content: [UInt8]?
    do throws(SystemError) {
        // What can be read only once cannot be read again after a change.
        content = try FileDescriptor.regularFile(path, upTo: 1 << 20)
    } catch {
        throw problem(error.reason)
    }
    guard let content else { throw problem("not a regular file") }
    guard content.count <= 1 << 20 else { throw problem("the file is larger than 1 MiB") }
    return content
}
