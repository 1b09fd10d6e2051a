/// What a file for `--web.config.file` says: the format of the exporter-toolkit, read and validated
/// as far as its text goes. The files that it names are not opened.
package struct WebConfiguration: Equatable, Sendable {
    /// Certificates and the rules of TLS; nil where TLS is off.
    package var tls: TLS?
    /// What goes onto every answer, in the order of the file; blank ones are left out.
    package var headers: [Header] = []
    /// The bcrypt hash of each user's password, by the name of the user; nobody has to log in where
    /// there are none.
    package var users: [String: String] = [:]
    /// How often requests are answered; nil where there is no limit.
    package var rateLimit: RateLimit?
    /// What is accepted, but has no effect or perhaps not the wanted one: each is worth a line in
    /// the log.
    package var warnings: [Problem] = []

    package init() {}
}

extension WebConfiguration {
    package struct Header: Equatable, Sendable {
        package var name: String
        /// Not blank, and one line.
        package var value: String

        package init(name: String, value: String) { (self.name, self.value) = (name, value) }
    }

    package struct RateLimit: Equatable, Sendable {
        /// How long it takes until one more request may come; more than 0.
        package var interval: Duration
        /// How many requests may come at once; 0 lets none through.
        package var burst: Int

        package init(interval: Duration, burst: Int) { (self.interval, self.burst) = (interval, burst) }
    }

    package struct TLS: Equatable, Sendable {
        /// The certificate, perhaps with those that vouch for it.
        package var certificate: Material
        package var key: Material
        /// Who vouches for clients; nil where the file names nobody.
        package var clientCA: Material?
        /// Whether clients have to show a certificate.
        package var clientAuthentication: ClientAuthentication
        /// Where that is said; the section as a whole where it is not.
        package var clientAuthenticationPlace: Place
        /// One of these names must be in a client's certificate: of none where the list is empty,
        /// of any where it is nil.
        package var allowedNames: [String]?
        /// Not above the newest.
        package var minimumVersion: TLSVersion
        package var maximumVersion: TLSVersion
        /// The cipher suites in order of preference; empty for the default.
        package var cipherSuites: [CipherSuite]
        /// The curves in order of preference; empty for the default.
        package var curves: [Curve]
        /// Whether the server's order of cipher suites decides, not the client's.
        package var prefersServerCiphers: Bool
        /// That of `tls_server_config`.
        package var place: Place
    }

    /// A certificate or a key in PEM.
    package struct Material: Equatable, Sendable {
        package enum Source: Equatable, Sendable {
            /// In the configuration file.
            case inline([UInt8])
            /// In the file of this path; a relative one is joined with the directory of the
            /// configuration file.
            case file(String)
        }

        package var source: Source
        /// Where the configuration file says so.
        package var place: Place
    }

    /// Whether clients have to show a certificate; raw values are Go's names.
    package enum ClientAuthentication: String, CaseIterable, Sendable {
        /// They are not asked for one.
        case none = "NoClientCert"
        /// They are asked, and need not have one; it is not verified.
        case request = "RequestClientCert"
        /// They must have one; it is not verified.
        case requireAny = "RequireAnyClientCert"
        /// They need not have one, but what they have is verified.
        case verifyIfGiven = "VerifyClientCertIfGiven"
        /// They must have one, and it is verified.
        case requireAndVerify = "RequireAndVerifyClientCert"
    }

    /// A version of TLS; raw values are the file's names.
    package enum TLSVersion: String, CaseIterable, Comparable, Sendable {
        case tls10 = "TLS10"
        case tls11 = "TLS11"
        case tls12 = "TLS12"
        case tls13 = "TLS13"

        package static func < (left: TLSVersion, right: TLSVersion) -> Bool { left.rawValue < right.rawValue }
    }

    /// A curve for the exchange of keys; raw values are Go's names.
    package enum Curve: String, CaseIterable, Sendable {
        case curveP256 = "CurveP256"
        case curveP384 = "CurveP384"
        case curveP521 = "CurveP521"
        case x25519 = "X25519"
    }

    /// A cipher suite that Go holds for secure; raw values are Go's names.
    package enum CipherSuite: String, CaseIterable, Sendable {
        // Of TLS 1.3.
        case aes128GCMSHA256 = "TLS_AES_128_GCM_SHA256"
        case aes256GCMSHA384 = "TLS_AES_256_GCM_SHA384"
        case chaCha20Poly1305SHA256 = "TLS_CHACHA20_POLY1305_SHA256"
        // Of TLS 1.2.
        case ecdheECDSAWithAES128GCMSHA256 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        case ecdheECDSAWithAES256GCMSHA384 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
        case ecdheRSAWithAES128GCMSHA256 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        case ecdheRSAWithAES256GCMSHA384 = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
        case ecdheECDSAWithChaCha20Poly1305SHA256 = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
        case ecdheRSAWithChaCha20Poly1305SHA256 = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
        // Of TLS 1.0 to 1.2.
        case ecdheECDSAWithAES128CBCSHA = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
        case ecdheECDSAWithAES256CBCSHA = "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
        case ecdheRSAWithAES128CBCSHA = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
        case ecdheRSAWithAES256CBCSHA = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"

        /// TLS 1.3 has suites of its own, and those with SHA-1 belong to every version before it.
        var oldestVersion: TLSVersion {
            if !rawValue.contains("_WITH_") { return .tls13 }
            return rawValue.hasSuffix("_SHA") ? .tls10 : .tls12
        }
    }
}
