extension ToolkitCase {
    /// Where we differ beyond its own test data. What exporter-toolkit does follows from its source
    /// and yaml.v2's.
    static let differences: [ToolkitCase] = [
        .init(
            "names and an optional certificate",
            tls(optional, "client_allowed_sans: [a]"),
            .starts,
            .refused("serves clients without a certificate"),
            row: "`client_allowed_sans` where a client needs no certificate"
        ),
        .init(
            "integer interval",
            "rate_limit: {interval: 5, burst: 1}",
            .starts,
            .refused("has no unit"),
            row: "`interval: 5`"
        ),
        .init(
            "negative interval",
            "rate_limit: {interval: -1s, burst: 1}",
            .starts,
            .refused("is negative"),
            row: "A negative `interval` or `burst`"
        ),
        .init(
            "negative burst",
            "rate_limit: {interval: 1s, burst: -1}",
            .starts,
            .refused("from 0 on"),
            row: "A negative `interval` or `burst`"
        ),
        .init(
            "octal burst",
            "rate_limit: {interval: 1s, burst: 010}",
            .starts,
            .refused("in decimal digits"),
            row: "`burst: 010`, `0x10`, `1.5`"
        ),
        .init(
            "merged section",
            "<<: {rate_limit: {burst: 1}}\nrate_limit: {interval: 1s}",
            .starts,
            .refused("the key stands in line 1 already"),
            row: "A key that is merged (`<<`) and written out, or merged twice"
        ),
        .init(
            "merged key",
            "rate_limit: {<<: {interval: 1s, burst: 1}, burst: 2}",
            .starts,
            .refused("the key stands in line 1 already"),
            row: "A key that is merged (`<<`) and written out, or merged twice"
        ),
        .init(
            "second document",
            "rate_limit:\n---\nrate_limit: {burst: 1}",
            .starts,
            .refused("a second document"),
            row: "A second document"
        ),
        .init(
            "versions the wrong way round",
            tls("min_version: TLS13", "max_version: TLS12"),
            .starts,
            .refused("every handshake would fail"),
            row: "Versions or cipher suites with which every handshake fails"
        ),
        .init(
            "suites that no version has",
            tls("cipher_suites: [TLS_AES_128_GCM_SHA256]", "max_version: TLS12"),
            .starts,
            .refused("every handshake would fail"),
            row: "Versions or cipher suites with which every handshake fails"
        ),
        .init(
            "blank header",
            headers("X-Frame-Options: ''"),
            .refuses,
            .accepted(tls: false),
            row: "A blank header"
        ),
        .init(
            "unusual hash",
            "basic_auth_users: {a: \"$2x$\(hash.dropFirst(4))\"}",
            .starts,
            .refused("not a bcrypt hash"),
            row: "Hashes other than `$2a$`, `$2b$`, `$2y$`"
        ),
        .init(
            "user whom no client can name",
            "basic_auth_users: {'a:b': \(hash)}",
            .starts,
            .refused("no client can send it"),
            row: "A user without a name or with a colon in it"
        ),
        .init(
            "tag",
            headers("X-XSS-Protection: !!binary MQ=="),
            .starts,
            .refused("a tag (!)"),
            row: "Tags other than `!!str`"
        ),
        .init(
            "size",
            "#" + String(repeating: " ", count: 1 << 20),
            .starts,
            .refused("1048577 bytes"),
            row: "A file over 1 MiB"
        ),
    ]
}
