import Testing
import WebConfiguration

private let everyName =
    "Content-Security-Policy, X-Frame-Options, X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security"
private let control =
    "a line break or another control character is in the value; expected one line (>- joins lines)"

@Suite("The section http_server_config")
struct HeaderTests {
    @Test("The headers keep the order of the file")
    func order() throws {
        let text = headers(
            "X-XSS-Protection: 1",
            "X-Frame-Options: sameorigin",
            "Strict-Transport-Security: max-age=31536000; includeSubDomains",
            "X-Content-Type-Options: nosniff",
            "Content-Security-Policy: \"default-src 'self' *.example.net\""
        )
        let found = try read(text)
        #expect(
            found.headers == [
                .init(name: "X-XSS-Protection", value: "1"),
                .init(name: "X-Frame-Options", value: "sameorigin"),
                .init(name: "Strict-Transport-Security", value: "max-age=31536000; includeSubDomains"),
                .init(name: "X-Content-Type-Options", value: "nosniff"),
                .init(name: "Content-Security-Policy", value: "default-src 'self' *.example.net"),
            ]
        )
        #expect(found.warnings.isEmpty && found.tls == nil)
    }

    @Test(
        "Numbers, dates and booleans are accepted as the text of a header",
        arguments: ["1", "1.0", "yes", "2026-01-31", "0x10", "1:30"]
    )
    func scalars(text: String) throws {
        #expect(try read(headers("X-XSS-Protection: \(text)")).headers.map(\.value) == [text])
    }

    @Test("A blank header is omitted", arguments: ["", "''", "'  '", "~", "null"])
    func blank(value: String) throws {
        let text = headers("X-Frame-Options: \(value)", "Content-Security-Policy: \(value)", "X-XSS-Protection: x")
        #expect(try read(text).headers == [.init(name: "X-XSS-Protection", value: "x")])
    }

    @Test(
        "An empty section sets no headers",
        arguments: ["", " {}", " {headers: }", " {headers: {}}", " {http2: }"]
    )
    func empty(section: String) throws {
        #expect(try read("http_server_config:\(section)") == WebConfiguration())
    }

    @Test(
        "Enabling HTTP/2 with any YAML boolean causes a warning",
        arguments: ["true", "yes", "On", "Y", "TRUE"]
    )
    func http2(word: String) throws {
        #expect(
            try warnings(about: "http_server_config:\n  http2: \(word)") == [
                "web.yml:2: http_server_config.http2: HTTP/2 is not spoken here; clients are served with HTTP/1.1"
            ]
        )
    }

    @Test("Disabling HTTP/2 causes no warning", arguments: ["false", "no", "Off", "N", "FALSE"])
    func noHTTP2(word: String) throws {
        #expect(try read("http_server_config:\n  http2: \(word)") == WebConfiguration())
    }

    @Test(
        "The error for an invalid header states the problem and the expected value",
        arguments: [
            ("X-Frame-Options: DENY", "X-Frame-Options: expected deny or sameorigin, found \"DENY\""),
            ("X-Content-Type-Options: sniff", "X-Content-Type-Options: expected nosniff, found \"sniff\""),
            ("x-frame-options: deny", "x-frame-options: unknown key; expected one of \(everyName)"),
            ("Content-Type: text/html", "Content-Type: unknown key; expected one of \(everyName)"),
            ("Content-Security-Policy: [a]", "Content-Security-Policy: expected a string, found a list"),
            ("X-XSS-Protection: {a: b}", "X-XSS-Protection: expected a string, found a mapping"),
            ("Strict-Transport-Security: \"a\\r\\nSet-Cookie: b\"", "Strict-Transport-Security: \(control)"),
            ("Content-Security-Policy: \"a\\tb\"", "Content-Security-Policy: \(control)"),
            ("X-XSS-Protection: \"a\\0\"", "X-XSS-Protection: \(control)"),
            ("X-XSS-Protection: \"a\\e\"", "X-XSS-Protection: \(control)"),
        ]
    )
    func broken(line: String, message: String) {
        #expect(refusal(of: headers(line)) == "web.yml:3: http_server_config.headers.\(message)")
    }

    @Test("A repeated header, an unknown key and an invalid http2 value are refused")
    func otherKeys() {
        #expect(
            refusal(of: headers("X-XSS-Protection: 1", "'X-XSS-Protection': 2"))
                == "web.yml:4: http_server_config.headers.X-XSS-Protection: the key stands in line 3 already; expected it once"
        )
        #expect(
            refusal(of: "http_server_config:\n  http3: true")
                == "web.yml:2: http_server_config.http3: unknown key; expected one of http2, headers"
        )
        #expect(
            refusal(of: "http_server_config:\n  headers: [X-XSS-Protection]")
                == "web.yml:2: http_server_config.headers: expected a mapping, found a list"
        )
        #expect(
            refusal(of: "http_server_config:\n  http2: \"true\"")
                == "web.yml:2: http_server_config.http2: expected true or "
                + "false without quotation marks, found the string \"true\""
        )
        #expect(
            refusal(of: "http_server_config:\n  http2: maybe")
                == "web.yml:2: http_server_config.http2: expected true or false, found \"maybe\""
        )
    }
}
