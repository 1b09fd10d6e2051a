import Testing
import WebConfiguration

@Suite("A web configuration")
struct FileTests {
    @Test(
        "An empty file disables everything",
        arguments: ["", "\n", "# nothing\n", "---\n", "---\n...\n", "~", "null\n", "{}", "\u{FEFF}", "---\n---\n"]
    )
    func empty(text: String) throws {
        #expect(try read(text) == WebConfiguration())
    }

    @Test("The decoder accepts every line ending and both YAML styles")
    func styles() throws {
        let text = "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\nrate_limit: {interval: 1s, burst: 2}\n"
        let found = try read(text)
        #expect(found.tls != nil && found.rateLimit?.burst == 2)
        #expect(try read(text.replacing("\n", with: "\r\n")) == found)
        #expect(try read("\u{FEFF}" + text) == found)
        #expect(try read(text + "---\n") == found)
        #expect(try read(text + "...\n# the end\n") == found)
    }

    @Test("An alias may refer to an anchor any number of times")
    func aliases() throws {
        let text = """
            basic_auth_users: {a: &hash \(hash), b: *hash}
            http_server_config: {headers: {X-Frame-Options: &x deny, X-XSS-Protection: *x, Content-Security-Policy: &x y,
              Strict-Transport-Security: *x}}
            """
        let found = try read(text)
        #expect(found.users == ["a": hash, "b": hash])
        #expect(found.headers.map(\.value) == ["deny", "deny", "y", "y"])
    }

    @Test("Nested and recursive aliases are refused without expansion")
    func bombs() {
        let levels = (1...60).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1), *a\($0 - 1)]\n" }.joined()
        #expect(refusal(of: "a0: &a0 [x]\n" + levels)?.hasPrefix("web.yml:1: a0: unknown key") == true)
        #expect(
            refusal(of: "tls_server_config:\n  cipher_suites: &a [*a]")
                == "web.yml:2: an alias (*) refers to nothing; expected its anchor (&) above, or quotation marks around it"
        )
        #expect(refusal(of: "http_server_config: &a\n  headers: *a") != nil)
        #expect(refusal(of: "? {a: b}\n: c") == "web.yml:1: expected a string as a key, found a mapping")
    }

    @Test(
        "Excessive nesting is refused immediately, before libyaml parses it for minutes",
        arguments: ["[", "{", "? "]
    )
    func depth(piece: String) {
        let text = String(repeating: piece, count: 1_048_576 / piece.utf8.count)
        #expect(
            refusal(of: text) == "web.yml:1: lists and mappings nest over 100 levels deep; expected 3 at most"
        )
    }

    @Test(
        "A file that is not YAML is refused",
        arguments: [
            (
                "tls_server_config:\n\tcert_file: a",
                "2: not YAML: while scanning for the next token, found character that cannot start any token; "
                    + "expected spaces as indentation, not a tab"
            ),
            (
                "tls_server_config:\n    cert_file: a\n  key_file: b\n",
                "3: not YAML: while parsing a block mapping that begins in line 1, did not find expected key"
            ),
            (
                "# a\nrate_limit: \"b\n\n",
                "4: not YAML: while scanning a quoted scalar that begins in line 2, found unexpected end of stream"
            ),
            ("rate_limit: [\n", "2: not YAML: while parsing a flow node, did not find expected node content"),
            ("\n\nrate_limit: \u{01}\n", "3: not YAML: control characters are not allowed"),
            ("\nrate_limit: \0\n", "2: not YAML: control characters are not allowed"),
            (
                "rate_limit: *limit",
                "1: an alias (*) refers to nothing; expected its anchor (&) above, or quotation marks around it"
            ),
        ]
    )
    func syntax(text: String, message: String) {
        #expect(refusal(of: text) == "web.yml:\(message)")
    }

    @Test("The error for a file that is not UTF-8 names the line of the first invalid byte")
    func encoding() {
        let message = "a byte is not UTF-8; expected the file in UTF-8"
        #expect(refusal(of: Array("# Z\n\n# Zo".utf8) + [0xEB, 0x0A]) == "web.yml:3: \(message)")
        #expect(refusal(of: [0xFF, 0xFE, 0x23, 0x00]) == "web.yml:1: \(message)")
        #expect(refusal(of: Array("rate_limit: # ".utf8) + [0xE2, 0x82]) == "web.yml:1: \(message)")
        #expect(refusal(of: Array("# Zoë €\n".utf8)) == nil)
    }

    @Test("A file with more than one document is refused")
    func documents() {
        let message = "a second document begins; expected one in a file"
        #expect(refusal(of: tls() + "\n---\nrate_limit: {burst: 1}\n") == "web.yml:5: \(message)")
        #expect(refusal(of: "---\n---\nrate_limit:\n") == "web.yml:3: \(message)")
        #expect(refusal(of: "rate_limit:\n---\n- a\n") == "web.yml:3: \(message)")
        #expect(refusal(of: "rate_limit:\n---\n''\n") == "web.yml:3: \(message)")
    }

    @Test("A file above 1 MiB is refused")
    func size() {
        let largest = Array(repeating: UInt8(ascii: "#"), count: 1_048_576)
        #expect(refusal(of: largest) == nil)
        #expect(refusal(of: largest + [0x0A]) == "web.yml:1: the file has 1048577 bytes; expected at most 1048576")
    }

    @Test(
        "A top level that is not a mapping or has an unknown or repeated key is refused",
        arguments: [
            ("- a", "1: expected a mapping, found a list"),
            ("one\ntwo\nthree\n", "1: expected a mapping, found a string"),
            ("\n\n5", "1: expected a mapping, found a string"), ("''", "1: expected a mapping, found a string"),
            (
                "rate_limit:\ntls_config: {}",
                "2: tls_config: unknown key; expected one of tls_server_config, http_server_config, basic_auth_users, rate_limit"
            ),
            ("rate_limit:\n\nrate_limit:", "3: rate_limit: the key stands in line 1 already; expected it once"),
            ("tls_server_config: a", "1: tls_server_config: expected a mapping, found a string"),
            ("tls_server_config: ''", "1: tls_server_config: expected a mapping, found a string"),
            ("http_server_config: []", "1: http_server_config: expected a mapping, found a list"),
            ("basic_auth_users: [a]", "1: basic_auth_users: expected a mapping, found a list"),
            ("rate_limit: 1s", "1: rate_limit: expected a mapping, found a string"),
            ("[a]: b", "1: expected a string as a key, found a list"),
        ]
    )
    func top(text: String, message: String) {
        #expect(refusal(of: text) == "web.yml:\(message)")
    }

    @Test("The decoder accepts the tag !!str and refuses other tags")
    func tags() throws {
        #expect(try read(headers("X-XSS-Protection: !!str 1")).headers.map(\.value) == ["1"])
        #expect(refusal(of: headers("X-Frame-Options: !!str null"))?.hasSuffix("found \"null\"") == true)
        let message =
            "a tag (!) converts the value; expected the value without it, in quotation marks if it begins with !"
        for tag in ["!!binary", "!!int", "!local", "!<tag:example.com,2026:x>"] {
            #expect(
                refusal(of: headers("X-XSS-Protection: \(tag) MQ=="))
                    == "web.yml:3: http_server_config.headers.X-XSS-Protection: \(message)"
            )
        }
        #expect(refusal(of: "http_server_config: !!map {}") == "web.yml:1: http_server_config: \(message)")
        #expect(refusal(of: "http_server_config: {!!int headers: }") == "web.yml:1: http_server_config: \(message)")
    }

    @Test("An error shows long or unusual text truncated and on one line")
    func oneLine() {
        let long = String(repeating: "k", count: 1_000)
        #expect(refusal(of: "\(long): 1")?.hasPrefix("web.yml:1: kkkkkkkk…: unknown key") == true)
        #expect(
            refusal(of: headers("X-Frame-Options: \(long)"))
                == "web.yml:3: http_server_config.headers.X-Frame-Options: expected deny or sameorigin, found \"\(long.prefix(60))…\""
        )
        #expect(
            refusal(of: "\"a\\nb\\u2028\\e\": 1")?.hasPrefix("web.yml:1: a\\nb\\u2028\\u001b: unknown")
                == true
        )
        let accents = "e" + String(repeating: "\u{301}", count: 100_000)
        #expect((refusal(of: headers("X-Frame-Options: \(accents)"))?.utf8.count ?? .max) < 300)
        let problem = Problem(place: Place(file: "a\nb.yml", line: 7, key: "c"), reason: "d")
        #expect(problem.description == "a\\nb.yml:7: c: d")
    }

    @Test("onOneLine escapes line breaks, control characters and bidirectional marks")
    func escapes() {
        #expect("a\r\n\t\0\u{7F}b".onOneLine() == "a\\r\\n\\t\\u0000\\u007fb")
        #expect("\u{80}\u{85}\u{9B}31m".onOneLine() == "\\u0080\\u0085\\u009b31m")
        #expect(
            "\u{2028}\u{2029}\u{202E}\u{2066}\u{200F}".onOneLine() == "\\u2028\\u2029\\u202e\\u2066\\u200f"
        )
        #expect("Zoë € 😀 \\ \"'".onOneLine() == "Zoë € 😀 \\ \"'")
        #expect("".onOneLine() == "")
    }

    @Test("onOneLine truncates long text at the border of a character or an escape")
    func limit() {
        #expect("abc".onOneLine(limit: 3) == "abc" && "abcd".onOneLine(limit: 3) == "abc…")
        #expect("éa".onOneLine(limit: 1) == "é…" && "\na".onOneLine(limit: 1) == "\\n…")
        #expect("abcdef".onOneLine(limit: 2, ending: 2) == "ab…ef" && "abcd".onOneLine(limit: 2, ending: 2) == "abcd")
        #expect("\"a\\".onOneLine(escaping: "\"\\") == "\\\"a\\\\")
        #expect("a".onOneLine(limit: 0) == "…")
        let long = String(repeating: "\u{1B}", count: 10_000_000)
        let duration = ContinuousClock().measure {
            #expect(long.onOneLine(ending: 1_024).utf8.count == 2 * 6 * 1_024 + 3)
        }
        #expect(duration < .seconds(1))
        let problem = Problem(place: Place(file: long, line: 1, key: long), reason: long)
        #expect(problem.description.utf8.count < 19_000)
    }
}
