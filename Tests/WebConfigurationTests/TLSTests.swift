import Testing
import WebConfiguration

private let above = "is above "
private let fails = ", and every handshake would fail; expected it at or below"
private let knownKeys =
    "cert, cert_file, key, key_file, client_ca, client_ca_file, client_auth_type, client_allowed_sans, min_version, "
    + "max_version, cipher_suites, prefer_server_cipher_suites, curve_preferences"
private let suites = WebConfiguration.CipherSuite.allCases.map(\.rawValue).joined(separator: ", ")

@Suite("The section tls_server_config")
struct TLSTests {
    @Test("A certificate and a key alone give the defaults of exporter-toolkit")
    func defaults() throws {
        let section = Place(file: "web.yml", line: 1, key: "tls_server_config")
        let found = try #require(try read(tls()).tls)
        #expect(found.certificate.source == .file("a.crt"))
        #expect(found.certificate.place == Place(file: "web.yml", line: 2, key: "tls_server_config.cert_file"))
        #expect(found.key.source == .file("a.key"))
        #expect(found.key.place == Place(file: "web.yml", line: 3, key: "tls_server_config.key_file"))
        #expect(found.clientCA == nil)
        #expect(found.clientAuthentication == .none && found.clientAuthenticationPlace == section)
        #expect(found.allowedNames == nil)
        #expect(found.minimumVersion == .tls12 && found.maximumVersion == .tls13)
        #expect(found.cipherSuites.isEmpty && found.curves.isEmpty)
        #expect(found.prefersServerCiphers)
        #expect(found.place == section)
        #expect(try warnings(about: tls()).isEmpty)
    }

    @Test("Each key sets its value")
    func everyKey() throws {
        let text = tls(
            "client_auth_type: RequireAndVerifyClientCert",
            "client_ca_file: ca.crt",
            "client_allowed_sans: [one.example, 192.0.2.1]",
            "min_version: TLS10",
            "max_version: TLS12",
            "cipher_suites:",
            "- TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "- TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "prefer_server_cipher_suites: false",
            "curve_preferences: [X25519, CurveP521]"
        )
        let found = try #require(try read(text).tls)
        #expect(found.clientAuthentication == .requireAndVerify)
        #expect(
            found.clientAuthenticationPlace
                == Place(file: "web.yml", line: 4, key: "tls_server_config.client_auth_type")
        )
        #expect(found.clientCA?.source == .file("ca.crt"))
        #expect(found.allowedNames == ["one.example", "192.0.2.1"])
        #expect(found.minimumVersion == .tls10 && found.maximumVersion == .tls12)
        #expect(found.cipherSuites == [.ecdheRSAWithAES256GCMSHA384, .ecdheRSAWithAES128GCMSHA256])
        #expect(!found.prefersServerCiphers)
        #expect(found.curves == [.x25519, .curveP521])
        #expect(try warnings(about: text).isEmpty)
    }

    @Test("An inline certificate, key or authority is read byte for byte")
    func inline() throws {
        let text = """
            tls_server_config:
              cert: |
                -----BEGIN CERTIFICATE-----
                Q0VSVA==
                -----END CERTIFICATE-----
              key: "one\\ntwo\\n"
              client_ca: &ca |-
                three
              client_auth_type: VerifyClientCertIfGiven
            """
        let found = try #require(try read(text).tls)
        let certificate = "-----BEGIN CERTIFICATE-----\nQ0VSVA==\n-----END CERTIFICATE-----\n"
        #expect(found.certificate.source == .inline(Array(certificate.utf8)))
        #expect(found.key.source == .inline(Array("one\ntwo\n".utf8)))
        #expect(found.clientCA?.source == .inline(Array("three".utf8)))
        #expect(found.clientCA?.place == Place(file: "web.yml", line: 7, key: "tls_server_config.client_ca"))
    }

    @Test(
        "Relative paths are resolved against the directory of the configuration file",
        arguments: [
            ("web.yml", "a.crt", "a.crt"),
            ("/etc/exporter/web.yml", "a.crt", "/etc/exporter/a.crt"),
            ("etc/web.yml", "tls/a.crt", "etc/tls/a.crt"),
            ("../web.yml", "../a.crt", "../../a.crt"),
            ("/etc/web.yml", "/a.crt", "/a.crt"),
            ("/web.yml", "a.crt", "/a.crt"),
        ]
    )
    func directories(file: String, name: String, path: String) throws {
        let text = "tls_server_config: {cert_file: \(name), key_file: \(name)}"
        let found = try #require(try read(text, path: file).tls)
        #expect(found.certificate.source == .file(path) && found.key.source == .file(path))
    }

    @Test(
        "A section without certificate, key and client settings leaves TLS off with a warning",
        arguments: [
            "", "{}", "~", "{cert_file: }", "{min_version: TLS13}", "{cert_file: '', key_file: ''}",
            "{cipher_suites: []}",
        ]
    )
    func off(section: String) throws {
        let found = try read("tls_server_config: \(section)")
        #expect(found.tls == nil)
        #expect(
            found.warnings.map(\.description) == [
                "web.yml:1: tls_server_config: TLS is off, and this has no effect; cert_file and key_file turn it on"
            ]
        )
    }

    @Test(
        "A certificate and a key are required as soon as any key enables TLS",
        arguments: [
            ("cert_file: a", "key or key_file"), ("cert: a", "key or key_file"), ("key_file: a", "cert or cert_file"),
            ("key: a", "cert or cert_file"), ("client_ca_file: a", "cert or cert_file"),
            ("client_ca: a", "cert or cert_file"), ("client_auth_type: NoClientCert", "cert or cert_file"),
            ("client_auth_type: nonsense", "cert or cert_file"), ("cert_file: '', key_file: a", "cert or cert_file"),
            ("cert_file: a, key: ''", "key or key_file"),
        ]
    )
    func missing(keys: String, what: String) {
        #expect(refusal(of: "tls_server_config: {\(keys)}") == "web.yml:1: tls_server_config: missing one of \(what)")
    }

    @Test(
        "A file takes precedence over an inline value, with a warning",
        arguments: ["cert", "key", "client_ca"]
    )
    func both(name: String) throws {
        let text = """
            tls_server_config: {cert_file: f, key_file: f, client_ca_file: f,
              client_auth_type: VerifyClientCertIfGiven,
              \(name): inline}
            """
        let found = try read(text)
        #expect(found.tls?.certificate.source == .file("f") && found.tls?.key.source == .file("f"))
        #expect(found.tls?.clientCA?.source == .file("f"))
        #expect(
            found.warnings.map(\.description) == [
                "web.yml:3: tls_server_config.\(name): \(name)_file is there too and is used; expected one of them"
            ]
        )
    }

    @Test("A path of several lines is refused without showing it", arguments: ["cert", "key"])
    func pathOfSeveralLines(name: String) {
        let text = "tls_server_config:\n  \(name)_file: |\n    -----BEGIN\n    secret\n"
        #expect(
            refusal(of: text) == "web.yml:2: tls_server_config.\(name)_file: expected the path of a file on one line; "
                + "what is in the file goes under \(name)"
        )
    }

    @Test("Unusable cipher suites are refused, and a list without effect causes a warning")
    func unusableSuites() throws {
        let newer = "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]"
        let newest = "cipher_suites: [TLS_AES_256_GCM_SHA384]"
        let key = "tls_server_config.cipher_suites"
        for (list, version) in [(newer, "TLS11"), (newest, "TLS12")] {
            #expect(
                refusal(of: tls("min_version: TLS10", "max_version: \(version)", list))
                    == "web.yml:6: \(key): no suite of the list is one of \(version) or before, and every handshake would "
                    + "fail; expected one, as TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
            )
        }
        #expect(
            try warnings(about: tls("min_version: TLS13", newer)) == [
                "web.yml:5: \(key): min_version is TLS13, which has suites of its own, and this has no effect"
            ]
        )
        #expect(
            try warnings(about: tls(newest)) == [
                "web.yml:4: \(key): the list has no effect on TLS 1.3; max_version: TLS12 limits every handshake to the list"
            ]
        )
        #expect(try warnings(about: tls("max_version: TLS12", newer)).isEmpty)
    }

    @Test("Every cipher suite, curve and version is accepted by its Go name")
    func names() throws {
        let suites = [
            "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        ]
        let curves = ["CurveP521", "CurveP256", "X25519", "CurveP384"]
        let found = try read(tls("cipher_suites: \(suites)", "curve_preferences: \(curves)")).tls
        #expect(found?.cipherSuites.map(\.rawValue) == suites)
        #expect(found?.curves.map(\.rawValue) == curves)
        for version in ["TLS10", "TLS11", "TLS12", "TLS13"] {
            let found = try read(tls("min_version: \(version)", "max_version: TLS13")).tls
            #expect(found?.minimumVersion.rawValue == version)
        }
    }

    @Test("Null and an empty list mean the default")
    func nulls() throws {
        let text = tls(
            "min_version:",
            "max_version: ~",
            "cipher_suites: []",
            "curve_preferences: null",
            "prefer_server_cipher_suites:",
            "cert:",
            "client_ca: NULL"
        )
        let found = try #require(try read(text).tls)
        #expect(found.minimumVersion == .tls12 && found.maximumVersion == .tls13)
        #expect(found.cipherSuites.isEmpty && found.curves.isEmpty && found.prefersServerCiphers)
    }

    @Test(
        "The error for an invalid value states the problem and the expected value",
        arguments: [
            ("cert_fil: a", "cert_fil: unknown key; expected one of \(knownKeys)"),
            ("Min_Version: a", "Min_Version: unknown key; expected one of \(knownKeys)"),
            ("key_file: b", "key_file: the key stands in line 3 already; expected it once"),
            ("cert: [a]", "cert: expected a string, found a list"),
            ("key: {a: b}", "key: expected a string, found a mapping"),
            ("client_ca: []", "client_ca: expected a string, found a list"),
            ("client_ca_file: []", "client_ca_file: expected a string, found a list"),
            ("client_auth_type: []", "client_auth_type: expected a string, found a list"),
            (
                "client_auth_type: requireAnyClientCert",
                "client_auth_type: unknown policy \"requireAnyClientCert\"; expected one of NoClientCert, "
                    + "RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
            ),
            ("client_allowed_sans: a", "client_allowed_sans: expected a list, found a string"),
            ("client_allowed_sans: [a, [b]]", "client_allowed_sans[1]: expected a string, found a list"),
            ("client_allowed_sans: [~]", "client_allowed_sans[0]: expected a string, found nothing"),
            ("client_allowed_sans: ['']", "client_allowed_sans[0]: expected a string that is not empty"),
            (
                "min_version: TLS111",
                "min_version: unknown TLS version \"TLS111\"; expected one of TLS10, TLS11, TLS12, TLS13"
            ),
            (
                "min_version: 1.2",
                "min_version: unknown TLS version \"1.2\"; expected one of TLS10, TLS11, TLS12, TLS13"
            ),
            ("max_version: ''", "max_version: unknown TLS version \"\"; expected one of TLS10, TLS11, TLS12, TLS13"),
            ("max_version: [TLS12]", "max_version: expected a string, found a list"),
            ("max_version: TLS11", "max_version: min_version (TLS12) \(above)max_version (TLS11)\(fails)"),
            ("cipher_suites: TLS_AES_128_GCM_SHA256", "cipher_suites: expected a list, found a string"),
            ("cipher_suites: {a: b}", "cipher_suites: expected a list, found a mapping"),
            (
                "cipher_suites: [TLS_AES_128_GCM_SHA256, RC4]",
                "cipher_suites[1]: unknown cipher suite \"RC4\"; expected one of \(suites)"
            ),
            (
                "prefer_server_cipher_suites: 'true'",
                "prefer_server_cipher_suites: expected true or false without quotation marks, found the string \"true\""
            ),
            ("prefer_server_cipher_suites: 1", "prefer_server_cipher_suites: expected true or false, found \"1\""),
            ("curve_preferences: X25519", "curve_preferences: expected a list, found a string"),
            (
                "curve_preferences: [x25519]",
                "curve_preferences[0]: unknown curve \"x25519\"; expected one of CurveP256, CurveP384, CurveP521, X25519"
            ),
        ]
    )
    func broken(line: String, message: String) {
        #expect(refusal(of: tls(line)) == "web.yml:4: tls_server_config.\(message)")
    }

    @Test(
        "The error names the line of the invalid item, or of the later of two conflicting versions"
    )
    func lines() {
        let list = tls("curve_preferences:", "- X25519", "- CurveP257")
        #expect(
            refusal(of: list)?.hasPrefix("web.yml:6: tls_server_config.curve_preferences[1]: unknown curve") == true
        )
        let versions = tls("max_version: TLS10", "min_version: TLS11")
        #expect(
            refusal(of: versions) == "web.yml:4: tls_server_config.max_version: min_version (TLS11) \(above)"
                + "max_version (TLS10)\(fails)"
        )
    }
}
