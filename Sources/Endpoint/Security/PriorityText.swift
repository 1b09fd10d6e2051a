import WebConfiguration

enum KeyKind: String {
    case rsa = "RSA"
    case elliptic = "ECDSA"
}

extension WebConfiguration.TLS {
    /// What GnuTLS calls priority strings: which versions, cipher suites and curves a handshake may end with.
    ///
    /// GnuTLS chooses from parts, not from suites: a list of suites stands for every combination of their parts. Of a
    /// server with one key there are only the suites of that key's kind left, and among these each cipher has one MAC and
    /// one way to exchange keys, so that parts and suites say the same. Go has only suites with ECDHE in its list.
    ///
    /// - Returns: the text for a handshake whose version is not known yet, and the one for TLS 1.2 and before where the
    ///   list of suites allows less: TLS 1.3 has suites of its own, which Go leaves on, too. nil where no suite of the list
    ///   is one of this key, and TLS 1.3 is off.
    func priorityTexts(for key: KeyKind) -> (first: String, older: String?)? {
        let versions = WebConfiguration.TLSVersion.allCases.reversed().filter { minimumVersion...maximumVersion ~= $0 }
        let ciphers = cipherSuites.compactMap { $0.cipher(for: key) }
        let ownVersions = cipherSuites.isEmpty || !ciphers.isEmpty ? versions : versions.filter { $0 == .tls13 }
        if ownVersions.isEmpty { return nil }
        // Without ways to exchange keys that tell old sessions to whoever gets the key later.
        let ordinary = ["NORMAL", "-VERS-ALL"] + ownVersions.map(\.priority) + ["-RSA", "-DHE-RSA"]
        guard !ciphers.isEmpty, minimumVersion < .tls13 else { return (assembled(ordinary), nil) }
        let older = assembled(
            ["NONE"] + versions.filter { $0 != .tls13 }.map(\.priority) + ["+ECDHE-\(key.rawValue)"]
                + ciphers.map { "+" + $0 } + ["+AEAD", "+SHA1", "+SIGN-ALL", "+COMP-NULL"]
        )
        return maximumVersion < .tls13 ? (older, nil) : (assembled(ordinary), older)
    }

    private func assembled(_ parts: [String]) -> String {
        // Named one by one: GnuTLS would offer finite fields too, with which one ClientHello costs 0.4 s (ffdhe8192).
        let curves = curves.isEmpty ? [.x25519, .curveP256, .curveP384, .curveP521] : curves
        let groups = curves.map { "+GROUP-" + ($0 == .x25519 ? "X25519" : "SECP\($0.rawValue.suffix(3))R1") }
        let order = prefersServerCiphers ? ["%SERVER_PRECEDENCE"] : []
        return (parts + ["-GROUP-ALL"] + groups + order).joined(separator: ":")
    }
}

extension WebConfiguration.TLSVersion {
    /// As in `+VERS-TLS1.2`.
    fileprivate var priority: String { "+VERS-TLS1.\(rawValue.suffix(1))" }
}

extension WebConfiguration.CipherSuite {
    /// GnuTLS's name of the cipher, such as `AES-128-GCM`; nil in a suite of TLS 1.3 or for another kind of key.
    fileprivate func cipher(for key: KeyKind) -> String? {
        let beginning = "TLS_ECDHE_\(key.rawValue)_WITH_"
        guard rawValue.hasPrefix(beginning) else { return nil }
        return rawValue.dropFirst(beginning.count).split(separator: "_").dropLast().joined(separator: "-")
    }
}
