import Testing
import WebConfiguration

@Suite("A merge key (<<)")
struct MergeTests {
    @Test("adds the keys of a mapping, and a later key replaces them")
    func order() throws {
        let base = "&base {interval: 1s, burst: 1}"
        let limit = try read("rate_limit: {<<: \(base), burst: 2}").rateLimit
        #expect(limit == .init(interval: .seconds(1), burst: 2))
        #expect(try read("rate_limit: {burst: 2, <<: \(base)}").rateLimit?.burst == 1)
        let several = "rate_limit: {<<: [{burst: 3}, {burst: 4, interval: 2s}]}"
        #expect(try read(several).rateLimit == .init(interval: .seconds(2), burst: 3))
        #expect(try read("rate_limit: {<<: {<<: {burst: 5}, interval: 1s}}").rateLimit?.burst == 5)
    }

    @Test("works with anchors, in every section and at the top")
    func anchors() throws {
        let text = """
            <<: &base
              tls_server_config: {cert_file: a.crt, key_file: a.key}
            http_server_config: {headers: {<<: {X-Frame-Options: deny}, X-XSS-Protection: 1}}
            """
        let found = try read(text)
        #expect(found.tls?.certificate.place == Place(file: "web.yml", line: 2, key: "tls_server_config.cert_file"))
        #expect(found.headers.map(\.name) == ["X-Frame-Options", "X-XSS-Protection"])
    }

    @Test(
        "is refused where it merges no mapping, replaces a mapping, repeats a name or never ends",
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
            ("rate_limit:\n  <<: {bursts: 1}", "2: rate_limit.bursts: unknown key; expected one of interval, burst"),
            ("rate_limit:\n  '<<': {burst: 1}", "2: rate_limit.<<: unknown key; expected one of interval, burst"),
            (
                "<<: {rate_limit: {burst: 1}}\nrate_limit: {interval: 1s}",
                "2: rate_limit: a merge (<<) has the key in line 1, too; expected it once"
            ),
            (
                "http_server_config:\n  headers:\n    X-XSS-Protection: 1\n    <<: {X-XSS-Protection: 2}",
                "4: http_server_config.headers.X-XSS-Protection: a merge (<<) has the key in line 3, too; expected it once"
            ),
            ("rate_limit: &a\n  <<: *a", "2: rate_limit.<<: over 1000 keys are merged (<<); expected fewer"),
        ]
    )
    func refused(text: String, message: String) { #expect(refusal(of: text) == "web.yml:\(message)") }

    @Test("stops at once where merges multiply")
    func bomb() {
        let levels = (1...40).map { "&a\($0) {<<: [*a\($0 - 1), *a\($0 - 1)]}" }.joined(separator: ", ")
        let duration = ContinuousClock().measure {
            #expect(
                refusal(of: "rate_limit: {<<: [&a0 {burst: 1}, \(levels)]}")
                    == "web.yml:1: rate_limit.<<: over 1000 keys are merged (<<); expected fewer"
            )
        }
        #expect(duration < .seconds(1))
    }
}
