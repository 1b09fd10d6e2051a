import Testing
import WebConfiguration

@Suite("A merge key (<<)")
struct MergeTests {
    @Test("A merge key adds the keys of one or several mappings")
    func order() throws {
        for text in ["{<<: &base {interval: 1s}, burst: 2}", "{burst: 2, <<: [{interval: 1s}]}"] {
            #expect(try read("rate_limit: \(text)").rateLimit == .init(interval: .seconds(1), burst: 2))
        }
        #expect(try read("rate_limit: {<<: [{burst: 3}, {interval: 2s}]}").rateLimit?.burst == 3)
        #expect(try read("rate_limit: {<<: {<<: {burst: 5}, interval: 1s}}").rateLimit?.burst == 5)
    }

    @Test("A merge key works with anchors, in every section and at the top level")
    func anchors() throws {
        let text = """
            <<: &base
              tls_server_config: {cert_file: a.crt, key_file: a.key}
            http_server_config: {headers: {<<: {X-Frame-Options: deny}, X-XSS-Protection: 1}}
            """
        let found = try read(text)
        #expect(found.tls?.certificate.place == Place(file: "web.yml", line: 2, key: "<<.tls_server_config.cert_file"))
        #expect(found.headers.map(\.name) == ["X-Frame-Options", "X-XSS-Protection"])
    }

    @Test(
        "A merge of a non-mapping, a repeated key, itself or too many keys is refused",
        arguments: [
            (
                "rate_limit:\n  <<: 1",
                "2: rate_limit.<<: expected a mapping or a list of mappings to merge, found a string"
            ),
            (
                "rate_limit:\n  <<:",
                "2: rate_limit.<<: expected a mapping or a list of mappings to merge, found nothing"
            ),
            (
                "rate_limit:\n  <<: [1]",
                "2: rate_limit.<<[0]: expected a mapping or a list of mappings to merge, found a string"
            ),
            ("rate_limit:\n  <<: {bursts: 1}", "2: rate_limit.<<.bursts: unknown key; expected one of interval, burst"),
            ("rate_limit:\n  '<<': {burst: 1}", "2: rate_limit.<<: unknown key; expected one of interval, burst"),
            (
                "<<: {rate_limit: {burst: 1}}\nrate_limit: {interval: 1s}",
                "2: rate_limit: the key stands in line 1 already; expected it once"
            ),
            (
                "rate_limit: &a\n  <<: *a",
                "2: an alias (*) refers to nothing; expected its anchor (&) above, or quotation marks around it"
            ),
            (
                "rate_limit: {<<: [&a {}\(String(repeating: ", *a", count: 1_000))]}",
                "1: rate_limit.<<: over 1000 keys are merged (<<); expected fewer"
            ),
        ]
    )
    func refused(text: String, message: String) { #expect(refusal(of: text) == "web.yml:\(message)") }

    @Test("Merges that multiply are refused immediately")
    func bomb() {
        let levels = (1...40).map { "&a\($0) {<<: [*a\($0 - 1), *a\($0 - 1)]}" }.joined(separator: ", ")
        let text = "rate_limit: {<<: [&a0 {burst: 1}, \(levels)]}"
        #expect(refusal(of: text)?.hasSuffix("the key stands in line 1 already; expected it once") == true)
    }
}
