import WebConfiguration

/// What GnuTLS calls a priority string: which versions, cipher suites and curves a handshake may end with.
///
/// GnuTLS chooses from parts, not from suites: a list of suites stands for every combination of their parts. Of a
/// server with one key there are only the suites of that key's kind left, and among these each cipher has one MAC and
/// one way to exchange keys, so that parts and suites say the same. Go has only suites with ECDHE in its list.
struct PriorityText {
    /// The kind of a server's key.
    enum KeyKind {
        case rsa
        case elliptic
    }

    let tls: WebConfiguration.TLS
    let key: KeyKind

    /// For a handshake whose version is not known yet.
    var forAnyVersion: String {
        if tls.cipherSuites.isEmpty || tls.maximumVersion >= .tls13 { return ordinary(versions: versions) }
        return forOlderVersions ?? ""
    }

    /// For a handshake that has come out at TLS 1.2 or before, where the list of suites counts; TLS 1.3 has suites of its
    /// own, which Go leaves on, too. nil where no suite of the list is one of this key and of these versions.
    var forOlderVersions: String? {
        let suites = tls.cipherSuites.compactMap(Self.parts).filter { $0.key == key }
        guard !suites.isEmpty else { return nil }
        let ciphers = suites.map { "+" + $0.cipher }
        var codes: [String] = []
        for suite in suites where !codes.contains("+" + suite.code) { codes.append("+" + suite.code) }
        return assemble(
            ["NONE"] + versions.filter { $0 != "+VERS-TLS1.3" } + [key == .rsa ? "+ECDHE-RSA" : "+ECDHE-ECDSA"]
                + ciphers + codes + ["+SIGN-ALL", "+COMP-NULL"]
        )
    }

    /// Without ways to exchange keys that tell old sessions to whoever gets the key later.
    private func ordinary(versions: [String]) -> String {
        assemble(["NORMAL", "-VERS-ALL"] + versions + ["-RSA", "-DHE-RSA"])
    }

    private func assemble(_ parts: [String]) -> String {
        // Named one by one: GnuTLS would offer finite fields too, with which one ClientHello costs 0.4 s (ffdhe8192).
        let curves = tls.curves.isEmpty ? [.x25519, .curveP256, .curveP384, .curveP521] : tls.curves
        return
            (parts + ["-GROUP-ALL"] + curves.map { "+" + Self.group($0) }
            + (tls.prefersServerCiphers ? ["%SERVER_PRECEDENCE"] : [])).joined(separator: ":")
    }

    private var versions: [String] {
        let names: [(WebConfiguration.TLSVersion, String)] = [
            (.tls13, "1.3"), (.tls12, "1.2"), (.tls11, "1.1"), (.tls10, "1.0"),
        ]
        return names.filter { $0.0 >= tls.minimumVersion && $0.0 <= tls.maximumVersion }.map { "+VERS-TLS" + $0.1 }
    }

    private static func group(_ curve: WebConfiguration.Curve) -> String {
        switch curve {
        case .curveP256: "GROUP-SECP256R1"
        case .curveP384: "GROUP-SECP384R1"
        case .curveP521: "GROUP-SECP521R1"
        case .x25519: "GROUP-X25519"
        }
    }

    /// The parts of a suite; nil for those of TLS 1.3.
    private static func parts(_ suite: WebConfiguration.CipherSuite) -> (key: KeyKind, cipher: String, code: String)? {
        let name = suite.rawValue
        let key: KeyKind
        if name.hasPrefix("TLS_ECDHE_RSA_") {
            key = .rsa
        } else if name.hasPrefix("TLS_ECDHE_ECDSA_") {
            key = .elliptic
        } else {
            return nil
        }
        let ciphers = [
            ("_WITH_AES_128_GCM_", "AES-128-GCM", "AEAD"), ("_WITH_AES_256_GCM_", "AES-256-GCM", "AEAD"),
            ("_WITH_CHACHA20_", "CHACHA20-POLY1305", "AEAD"), ("_WITH_AES_128_CBC_SHA", "AES-128-CBC", "SHA1"),
            ("_WITH_AES_256_CBC_SHA", "AES-256-CBC", "SHA1"),
        ]
        return ciphers.first { name.contains($0.0) }.map { (key, $0.1, $0.2) }
    }
}
