extension WebConfiguration {
    /// Decodes the text of a file.
    ///
    /// - Parameter path: what messages call the file; names of files in the text are relative to
    ///   its directory.
    package init(path: String, text: [UInt8]) throws(Problem) {
        guard let root = try YAMLReader.read(text, of: path) else { return }
        var decoder = Decoder()
        let keys = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"]
        for entry in try Section(root, keys: keys).entries {
            let value = entry.value
            switch entry.key {
            case "tls_server_config":
                tls = try decoder.tls(value)
                if tls == nil {
                    decoder.warn(value, "TLS is off, and this has no effect; cert_file and key_file turn it on")
                }
            case "http_server_config": headers = try decoder.headers(value)
            case "basic_auth_users":
                users = try decoder.users(value)
                if users.isEmpty {
                    decoder.warn(value, "no user is listed, and clients are served without a password")
                }
            default: rateLimit = try decoder.rateLimit(value)
            }
        }
        warnings = decoder.warnings
    }
}

/// Values of a file to the structs of `WebConfiguration`, one function a section.
private struct Decoder {
    typealias TLS = WebConfiguration.TLS
    typealias Material = WebConfiguration.Material

    var warnings: [Problem] = []

    mutating func warn(_ value: Value, _ reason: String) { warnings.append(value.problem(reason)) }

    // MARK: tls_server_config

    private static let tlsKeys = [
        "cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type",
        "client_allowed_sans", "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites",
        "curve_preferences",
    ]

    /// - Returns: nil where the section names neither a certificate, a key, an authority nor a
    ///   policy, which leaves TLS off.
    mutating func tls(_ value: Value) throws(Problem) -> TLS? {
        let section = try Section(value, keys: Self.tlsKeys)
        let certificate = try material("cert", of: section)
        let key = try material("key", of: section)
        let clientCA = try material("client_ca", of: section)
        let policy = try section.nonEmptyText("client_auth_type")
        let allowedNames = try section["client_allowed_sans"]?.items().map { item throws(Problem) in
            let name = try item.text()
            if name.isEmpty { throw item.problem("expected a string that is not empty") }
            return name
        }
        let minimum: WebConfiguration.TLSVersion = try section["min_version"]?.choice("TLS version") ?? .tls12
        let maximum: WebConfiguration.TLSVersion = try section["max_version"]?.choice("TLS version") ?? .tls13
        let suites: [WebConfiguration.CipherSuite] = try section["cipher_suites"]?.choices("cipher suite") ?? []
        let curves: [WebConfiguration.Curve] = try section["curve_preferences"]?.choices("curve") ?? []
        let prefersServerCiphers = try section["prefer_server_cipher_suites"]?.boolean() ?? true
        if certificate == nil, key == nil, clientCA == nil, policy == nil {
            if let names = section["client_allowed_sans"] { throw Self.unenforced(names, by: .none) }
            return nil
        }
        guard let certificate else { throw value.problem("missing one of cert or cert_file") }
        guard let key else { throw value.problem("missing one of key or key_file") }
        let authentication = try policy.map { policy throws(Problem) in
            // An older name that exporter-toolkit still accepts.
            policy.text == "RequireClientCert"
                ? .requireAny : try policy.value.choice("policy") as WebConfiguration.ClientAuthentication
        }
        let tls = TLS(
            certificate: certificate,
            key: key,
            clientCA: clientCA,
            clientAuthentication: authentication ?? .none,
            clientAuthenticationPlace: policy?.value.place ?? value.place,
            allowedNames: allowedNames,
            minimumVersion: minimum,
            maximumVersion: maximum,
            cipherSuites: suites,
            curves: curves,
            prefersServerCiphers: prefersServerCiphers,
            place: value.place
        )
        try checkClients(of: tls, in: section)
        try checkVersions(of: tls, in: section)
        return tls
    }

    /// Decodes what is either in the configuration file, under `name`, or in a file of its own,
    /// under `name_file`.
    private mutating func material(_ name: String, of section: Section) throws(Problem) -> Material? {
        let inline = try section.nonEmptyText(name)
        guard let (path, value) = try section.nonEmptyText("\(name)_file") else {
            return inline.map { Material(source: .inline(Array($0.text.utf8)), place: $0.value.place) }
        }
        // The message does not show the path: it may be the key itself, under the wrong name.
        if path.hasControlCharacters {
            throw value.problem("expected the path of a file on one line; what is in the file goes under \(name)")
        }
        if let inline { warn(inline.value, "\(name)_file is there too and is used; expected one of them") }
        let directory = value.place.file.lastIndex(of: "/").map { value.place.file[...$0] } ?? ""
        return Material(source: .file(path.hasPrefix("/") ? path : directory + path), place: value.place)
    }

    private static let verifies = "; client_auth_type: RequireAndVerifyClientCert verifies them"

    private static func unenforced(_ names: Value, by policy: WebConfiguration.ClientAuthentication) -> Problem {
        let reason = "\(policy.rawValue) serves clients without a certificate, and so without an allowed name"
        return names.problem("\(reason); expected RequireAndVerifyClientCert as client_auth_type")
    }

    /// Refuses or warns of what the file says about clients and the policy for them would not
    /// enforce.
    private mutating func checkClients(of tls: TLS, in section: Section) throws(Problem) {
        for key in ["client_auth_type", "client_ca", "client_ca_file", "client_allowed_sans"] {
            if let blank = section.blank(key) { warn(blank, "the key has no value, and this has no effect") }
        }
        let policy = tls.clientAuthentication
        if let clientCA = tls.clientCA, policy == .none {
            let advice = "expected RequireAndVerifyClientCert or VerifyClientCertIfGiven as client_auth_type"
            throw Problem(place: clientCA.place, reason: "no client is asked for a certificate; \(advice)")
        }
        if let clientCA = tls.clientCA, [.request, .requireAny].contains(policy) {
            let reason = "\(policy.rawValue) accepts certificates of every authority, and this has no effect"
            warnings.append(Problem(place: clientCA.place, reason: reason + Self.verifies))
        }
        guard let allowedNames = tls.allowedNames, let value = section["client_allowed_sans"] else { return }
        if [.none, .request, .verifyIfGiven].contains(policy) { throw Self.unenforced(value, by: policy) }
        if allowedNames.isEmpty {
            warn(value, "the list is empty, and no client's certificate is accepted")
        } else if policy == .requireAny {
            let reason =
                "RequireAnyClientCert does not verify certificates, and anybody can make one with an allowed name"
            warn(value, reason + Self.verifies)
        }
    }

    /// Refuses versions and cipher suites that no handshake can use, and warns of suites that limit
    /// nothing.
    private mutating func checkVersions(of tls: TLS, in section: Section) throws(Problem) {
        let (minimum, maximum) = (tls.minimumVersion, tls.maximumVersion)
        if minimum > maximum, let value = section["max_version"] ?? section["min_version"] {
            let reason = "min_version (\(minimum.rawValue)) is above max_version (\(maximum.rawValue))"
            throw value.problem("\(reason), and every handshake would fail; expected it at or below")
        }
        guard !tls.cipherSuites.isEmpty, let value = section["cipher_suites"] else { return }
        let ownOfTLS13 = Set(tls.cipherSuites.filter { $0.oldestVersion == .tls13 })
        if minimum == .tls13 {
            warn(value, "min_version is TLS13, which has suites of its own, and this has no effect")
        } else if maximum == .tls13, (1...2).contains(ownOfTLS13.count) {
            warn(value, "the list has no effect on TLS 1.3; max_version: TLS12 limits every handshake to the list")
        } else if maximum < .tls13, !tls.cipherSuites.contains(where: { $0.oldestVersion <= maximum }) {
            let reason = "no suite of the list is one of \(maximum.rawValue) or before, and every handshake would fail"
            throw value.problem("\(reason); expected one, as TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")
        }
    }

    // MARK: http_server_config

    /// The headers that exporter-toolkit knows, and the values of those that have few.
    private static let headerValues: KeyValuePairs<String, [String]> = [
        "Content-Security-Policy": [],
        "X-Frame-Options": ["deny", "sameorigin"],
        "X-Content-Type-Options": ["nosniff"],
        "X-XSS-Protection": [],
        "Strict-Transport-Security": [],
    ]

    mutating func headers(_ value: Value) throws(Problem) -> [WebConfiguration.Header] {
        let section = try Section(value, keys: ["http2", "headers"])
        if let http2 = section["http2"], try http2.boolean() {
            warn(http2, "HTTP/2 is not spoken here; clients are served with HTTP/1.1")
        }
        guard let value = section["headers"] else { return [] }
        var headers: [WebConfiguration.Header] = []
        for entry in try Section(value, keys: Self.headerValues.map(\.key)).entries where !entry.value.isNull {
            let (name, value) = (entry.key, entry.value)
            let text = try value.text()
            if text.allSatisfy({ $0 == " " }) { continue }
            if text.hasControlCharacters {
                throw value.problem(
                    "a line break or another control character is in the value; expected one line (>- joins lines)"
                )
            }
            let allowed = Self.headerValues.first { $0.key == name }?.value ?? []
            guard allowed.isEmpty || allowed.contains(text) else {
                throw value.problem("expected \(allowed.joined(separator: " or ")), found \(text.quoted)")
            }
            headers.append(.init(name: name, value: text))
        }
        return headers
    }

    // MARK: basic_auth_users

    /// Its messages contain neither the part of a name after a colon nor a hash.
    func users(_ value: Value) throws(Problem) -> [String: String] {
        var users: [String: String] = [:]
        for entry in try value.entries() {
            let (name, value) = (entry.key, entry.value)
            if name.isEmpty {
                throw value.problem("the name of a user is empty, and no client can send it; expected a name")
            }
            if name.utf8.contains(UInt8(ascii: ":")) {
                throw value.problem(
                    "a colon is in the name of a user, and no client can send it; "
                        + "expected a space after the colon, or another name"
                )
            }
            let hash = try value.text(expecting: "a bcrypt hash")
            // The variant, the cost, 22 characters of salt and 31 of the hash.
            guard hash.wholeMatch(of: /\$2[aby]\$(?:0[4-9]|[12][0-9]|3[01])\$[.\/A-Za-z0-9]{53}/) != nil else {
                throw value.problem(
                    "not a bcrypt hash; expected $2y$ ($2a$, $2b$), a cost from 04 to 31, $ and 53 characters, as "
                        + #"made by: htpasswd -nBC 10 "" | tr -d ':\n'"#
                )
            }
            users[name] = hash
        }
        return users
    }

    // MARK: rate_limit

    /// - Returns: nil where the interval is 0 or absent, which means no limit.
    mutating func rateLimit(_ value: Value) throws(Problem) -> WebConfiguration.RateLimit? {
        let section = try Section(value, keys: ["interval", "burst"])
        let burst = try section["burst"]?.count()
        guard let interval = try section["interval"]?.duration(zero: "no limit") else {
            if let burst = section["burst"] {
                warn(burst, "no interval is given, and requests are not limited; interval: 1s limits them")
            }
            return nil
        }
        if interval == .zero { return nil }
        if burst ?? 0 == 0 {
            let found = burst == nil ? "no burst is given, which means 0" : "a burst of 0"
            warn(section["burst"] ?? value, "\(found): every request is refused; expected 1 or more")
        }
        return .init(interval: interval, burst: burst ?? 0)
    }
}
