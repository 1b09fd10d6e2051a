import WebConfiguration

extension ToolkitCase {
    static let optional = "client_auth_type: VerifyClientCertIfGiven"
    private static let required = "client_auth_type: RequireAndVerifyClientCert"
    private static let pem = "|\n    -----BEGIN THING-----\n    AAAA\n    -----END THING-----"
    private static let users = "basic_auth_users:\n  ann: \(hash)\n  ben: \(hash)\n"
    private static let all = "[\(WebConfiguration.CipherSuite.allCases.map(\.rawValue).joined(separator: ", "))]"
    private static let gcm256 = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    private static let gcm128 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    private static let noCertificate = "missing one of cert or cert_file"
    private static let noKey = "missing one of key or key_file"

    /// One case for each of the 41 YAML files of web/testdata at 19a7c2d, in our own words.
    static let files: [ToolkitCase] = [
        .init(
            "tls_config_noAuth.requireandverifyclientcert.good.yml",
            tls(required, "client_ca_file: ca.pem"),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "tls_config_noAuth.requireanyclientcert.good.yml",
            tls("client_auth_type: RequireAnyClientCert"),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "tls_config_noAuth.requireanyclientcertkeyinline.good.yml",
            "tls_server_config:\n  cert_file: a.crt\n  key: \(pem)\n  client_auth_type: RequireAnyClientCert",
            .untested,
            .accepted(tls: true)
        ),
        .init(
            "web_config_auth_clientCAs_invalid.bad.yml",
            tls("client_ca_file: missing.pem"),
            .refuses,
            .refused("no client is asked for a certificate")
        ),
        .init("web_config_auth_clientCAs_missing.bad.yml", tls(required), .untested, .accepted(tls: true)),
        .init(
            "web_config_auth_client_san.bad.yaml",
            tls(required, "client_ca_file: ca.pem", "client_allowed_sans: [other]"),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_auth_client_san.good.yaml",
            tls(required, "client_ca_file: ca.pem", "client_allowed_sans: [a, b, c]"),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_auth_user_list_invalid.bad.yml",
            tls() + "\nbasic_auth_users: {ann: pass}",
            .refuses,
            .refused("basic_auth_users.ann: not a bcrypt hash")
        ),
        .init("web_config_empty.yml", "", .starts, .accepted(tls: false)),
        .init(
            "web_config_headers.good.yml",
            headers(
                "X-Frame-Options: deny",
                "Strict-Transport-Security: max-age=1; includeSubDomains",
                "X-Content-Type-Options: nosniff",
                "X-XSS-Protection: 1",
                "Content-Security-Policy: \"default-src 'self' *.example.com\""
            ),
            .starts,
            .accepted(tls: false)
        ),
        .init(
            "web_config_headers_content_type_options.bad.yml",
            headers("X-Content-Type-Options: other"),
            .refuses,
            .refused("expected nosniff")
        ),
        .init(
            "web_config_headers_extra_header.bad.yml",
            headers("Content-Type: other"),
            .refuses,
            .refused("Content-Type: unknown key")
        ),
        .init(
            "web_config_headers_frame_options.bad.yml",
            headers("X-Frame-Options: other"),
            .refuses,
            .refused("expected deny or sameorigin")
        ),
        .init("web_config_junk.yml", "kdjfsldkfj\nqwoieu\nzmxnc\n", .refuses, .refused("expected a mapping")),
        .init(
            "web_config_junk_key.yml",
            "tls_server_config: {cert_fille: a.crt}",
            .refuses,
            .refused("cert_fille: unknown key")
        ),
        .init(
            "web_config_noAuth.bad.yml",
            tls("client_ca_file: /dev/null"),
            .refuses,
            .refused("no client is asked for a certificate")
        ),
        .init("web_config_noAuth.good.blocking.yml", tls(required), .starts, .accepted(tls: true)),
        .init("web_config_noAuth.good.yml", tls(optional), .starts, .accepted(tls: true)),
        .init(
            "web_config_noAuth_allCiphers.good.yml",
            tls(optional, "cipher_suites: \(all)"),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_noAuth_allCurves.good.yml",
            tls(optional, "curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]"),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_noAuth_certPath_empty.bad.yml",
            "tls_server_config: {cert_file: '', key_file: a.key}",
            .refuses,
            .refused(noCertificate)
        ),
        .init(
            "web_config_noAuth_certPath_invalid.bad.yml",
            "tls_server_config: {cert_file: missing, key_file: a.key}",
            .refuses,
            .refusedWithFiles(missing: "missing")
        ),
        .init(
            "web_config_noAuth_certPath_keyPath_empty.bad.yml",
            "tls_server_config: {cert_file: '', key_file: '', client_auth_type: a}",
            .refuses,
            .refused(noCertificate)
        ),
        .init(
            "web_config_noAuth_certPath_keyPath_invalid.bad.yml",
            "tls_server_config: {cert_file: missing, key_file: missing}",
            .refuses,
            .refusedWithFiles(missing: "missing")
        ),
        .init(
            "web_config_noAuth_cert_empty.bad.yml",
            "tls_server_config: {cert: '', key_file: a.key}",
            .refuses,
            .refused(noCertificate)
        ),
        .init(
            "web_config_noAuth_inventedCiphers.bad.yml",
            tls(optional, "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_512_GCM_SHA256]"),
            .refuses,
            .refused("unknown cipher suite")
        ),
        .init(
            "web_config_noAuth_inventedCurves.bad.yml",
            tls(optional, "curve_preferences: [CurveP255]"),
            .refuses,
            .refused("unknown curve")
        ),
        .init(
            "web_config_noAuth_keyPath_empty.bad.yml",
            "tls_server_config: {cert_file: a.crt, key_file: ''}",
            .refuses,
            .refused(noKey)
        ),
        .init(
            "web_config_noAuth_keyPath_invalid.bad.yml",
            "tls_server_config: {cert_file: a.crt, key_file: missing}",
            .refuses,
            .refusedWithFiles(missing: "missing")
        ),
        .init(
            "web_config_noAuth_key_empty.bad.yml",
            "tls_server_config: {cert_file: a.crt, key: ''}",
            .refuses,
            .refused(noKey)
        ),
        .init(
            "web_config_noAuth_noHTTP2.good.yml",
            tls(optional, "cipher_suites: [\(gcm256)]", "max_version: TLS12")
                + "\nhttp_server_config: {http2: false}",
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_noAuth_noHTTP2Cipher.bad.yml",
            tls(optional, "cipher_suites: [\(gcm256)]", "max_version: TLS12"),
            .refuses,
            .accepted(tls: true),
            row: "Cipher suites that HTTP/2 forbids"
        ),
        .init(
            "web_config_noAuth_someCiphers.good.yml",
            tls(optional, "cipher_suites: [\(gcm128), \(gcm256)]", "min_version: TLS12", "max_version: TLS12"),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_noAuth_someCiphers_noOrder.good.yml",
            tls(
                optional,
                "cipher_suites: [\(gcm256), \(gcm128)]",
                "prefer_server_cipher_suites: false",
                "min_version: TLS12",
                "max_version: TLS12"
            ),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_noAuth_someCurves.good.yml",
            tls(optional, "min_version: TLS13", "curve_preferences: [CurveP521]"),
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_noAuth_tlsInline.good.yml",
            "tls_server_config:\n  cert: \(pem)\n  key: \(pem)",
            .starts,
            .accepted(tls: true)
        ),
        .init(
            "web_config_noAuth_wrongTLSVersion.bad.yml",
            tls(optional, "min_version: TLS14"),
            .refuses,
            .refused("unknown TLS version")
        ),
        .init(
            "web_config_rate_limiter_nonblocking.yaml",
            "rate_limit: {interval: 0, burst: 0}",
            .starts,
            .accepted(tls: false)
        ),
        .init(
            "web_config_rate_limiter_one_second.yaml",
            "rate_limit: {interval: '1s', burst: 0}",
            .starts,
            .accepted(tls: false)
        ),
        .init("web_config_users.good.yml", tls() + "\n" + users, .starts, .accepted(tls: true)),
        .init("web_config_users_noTLS.good.yml", users, .starts, .accepted(tls: false)),
    ]
}
