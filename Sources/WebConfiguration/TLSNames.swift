extension WebConfiguration {
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
    }
}
