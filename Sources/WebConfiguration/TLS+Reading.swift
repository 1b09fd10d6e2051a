extension WebConfiguration.TLS {
    private static let keys = [
        "cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type",
        "client_allowed_sans", "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites",
        "curve_preferences",
    ]

    /// Reads `tls_server_config`. It turns TLS on as soon as it names a certificate, a key, an authority for clients or
    /// a policy for them; nil where it does not.
    init?(_ value: Value, _ warnings: inout [Problem]) throws(Problem) {
        let section = try Section(value, keys: Self.keys)
        let certificate = try WebConfiguration.Material("cert", of: section, &warnings)
        let key = try WebConfiguration.Material("key", of: section, &warnings)
        let policy = try section.nonEmptyText("client_auth_type")
        place = value.place
        clientCA = try WebConfiguration.Material("client_ca", of: section, &warnings)
        allowedNames = try section.texts("client_allowed_sans")
        minimumVersion = try section.choice("min_version", what: "TLS version") ?? .tls12
        maximumVersion = try section.choice("max_version", what: "TLS version") ?? .tls13
        cipherSuites = try section.choices("cipher_suites", what: "cipher suite")
        curves = try section.choices("curve_preferences", what: "curve")
        prefersServerCiphers = try section["prefer_server_cipher_suites"]?.boolean() ?? true

        if certificate == nil, key == nil, clientCA == nil, policy == nil {
            if !section.entries.isEmpty {
                warnings.append(value.problem("TLS is off, and this has no effect; cert_file and key_file turn it on"))
            }
            return nil
        }
        guard let certificate else { throw value.problem("missing one of cert or cert_file") }
        guard let key else { throw value.problem("missing one of key or key_file") }
        self.certificate = certificate
        self.key = key
        clientAuthentication = try WebConfiguration.ClientAuthentication(policy)
        clientAuthenticationPlace = policy?.value.place ?? value.place
        try refuseVersionsThatExcludeEachOther(in: section)
        try refuseAuthorityWithoutPolicy()
        warnings += warningsAboutNames(in: section)
    }

    private func refuseVersionsThatExcludeEachOther(in section: Section) throws(Problem) {
        guard minimumVersion > maximumVersion else { return }
        let place = (section["max_version"] ?? section["min_version"])?.place ?? section.place
        throw Problem(
            place: place,
            reason:
                "min_version (\(minimumVersion.rawValue)) is above max_version (\(maximumVersion.rawValue)), and every "
                + "handshake would fail; expected it at or below"
        )
    }

    private func refuseAuthorityWithoutPolicy() throws(Problem) {
        guard let clientCA, clientAuthentication == .none else { return }
        throw Problem(
            place: clientCA.place,
            reason: "no client is asked for a certificate; "
                + "expected RequireAndVerifyClientCert or VerifyClientCertIfGiven as client_auth_type"
        )
    }

    private func warningsAboutNames(in section: Section) -> [Problem] {
        guard let allowedNames, let value = section["client_allowed_sans"] else { return [] }
        if clientAuthentication == .none {
            return [
                value.problem(
                    "no client is asked for a certificate, and this has no effect; "
                        + "client_auth_type: RequireAndVerifyClientCert asks for one"
                )
            ]
        }
        return allowedNames.isEmpty ? [value.problem("the list is empty, and no client's certificate is accepted")] : []
    }
}

extension WebConfiguration.ClientAuthentication {
    /// Go's names, and one that the exporter-toolkit had before.
    fileprivate init(_ policy: (text: String, value: Value)?) throws(Problem) {
        switch policy {
        case nil: self = .none
        case let policy? where policy.text == "RequireClientCert": self = .requireAny
        case let policy?: self = try policy.value.choice(what: "policy")
        }
    }
}
