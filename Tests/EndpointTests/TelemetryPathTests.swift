import Endpoint
import Testing

@Suite("A telemetry path")
struct TelemetryPathTests {
    @Test(
        "A valid telemetry path is accepted",
        arguments: ["/metrics", "/", "/a/b-c_d.e~1", "/-/metrics", "/a/", "/..a/.b"]
    )
    func isRead(text: String) throws {
        #expect(try TelemetryPath(text).text == text)
    }

    @Test(
        "The one-line error for an invalid telemetry path states the problem and the expected form",
        arguments: [
            ("", #""": a path begins with a slash, as in /metrics"#),
            ("metrics", #""metrics": a path begins with a slash, as in /metrics"#),
            ("/a b", #""/a b": a path has neither white space nor ?, # or %, as in /metrics"#),
            ("/a?b", #""/a?b": a path has neither white space nor ?, # or %, as in /metrics"#),
            ("/a%20b", #""/a%20b": a path has neither white space nor ?, # or %, as in /metrics"#),
            ("//metrics", #""//metrics": a path has no empty part, . or .., as in /metrics"#),
            ("/..", #""/..": a path has no empty part, . or .., as in /metrics"#),
            ("/a/../b", #""/a/../b": a path has no empty part, . or .., as in /metrics"#),
            ("/a/.", #""/a/.": a path has no empty part, . or .., as in /metrics"#),
            ("/-/ready", #""/-/ready": the path is taken; write another, as /metrics"#),
            ("/-/healthy", #""/-/healthy": the path is taken; write another, as /metrics"#),
        ]
    )
    func isRefused(text: String, message: String) {
        let error = #expect(throws: Endpoint.SyntaxError.self) { try TelemetryPath(text) }
        #expect(error?.description == message)
    }
}
