import Endpoint
import Testing

@Suite("A page in several formats")
struct NegotiationTests {
    private static let text = "text/plain; version=0.0.4; charset=utf-8"
    private static let openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    private func endpoint() throws -> Endpoint {
        let endpoint = try Endpoint.forTest()
        let page = Endpoint.Page([
            .init(body: Array("text".utf8), contentType: Self.text),
            .init(body: Array("open".utf8), contentType: Self.openMetrics),
        ])
        endpoint.publish(page, sampledAt: monotonicTime())
        return endpoint
    }

    @Test(
        "The endpoint sends the format that the client prefers",
        arguments: [
            (nil, "text"), ("*/*", "text"), ("", "text"), ("text/plain", "text"), ("image/png", "text"),
            ("application/openmetrics-text", "open"), ("application/*", "open"),
            ("APPLICATION/OpenMetrics-Text", "open"),
            ("application/openmetrics-text;version=1.0.0", "open"),
            ("application/openmetrics-text; version=\"1.0.0\"", "open"),
            ("application/openmetrics-text;version=0.0.1", "text"),
            ("application/openmetrics-text;version=2.0.0", "text"),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "open"
            ),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                    + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                    + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", "open"
            ),
            ("text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.4", "text"),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.500", "text"),
            ("application/openmetrics-text, text/plain", "open"), ("text/plain, application/openmetrics-text", "text"),
            ("*/*, application/openmetrics-text", "open"), ("*/*, application/openmetrics-text;q=0", "text"),
            ("application/openmetrics-text;q=0.1, */*;q=0.9", "text"), ("text/*;q=0.3, */*;q=0.9", "open"),
            ("application/openmetrics-text;q=0", "text"), ("application/openmetrics-text;q=2", "text"),
            ("application/openmetrics-text;q=x", "text"), ("application/openmetrics-text;q=", "text"),
            (",,;,;q=1,\"", "text"), ("text/plain;foo=\"a,b\",application/openmetrics-text;q=0.9", "text"),
        ] as [(String?, String)]
    )
    func accept(header: String?, body: String) throws {
        let client = try endpoint().client()
        try client.request("GET", "/metrics", headers: header.map { ["Accept: \($0)"] } ?? [])
        let answer = try client.answer()
        #expect(answer.text == body)
        #expect(answer.headers["content-type"] == (body == "text" ? Self.text : Self.openMetrics))
        #expect(answer.headers["vary"] == "Accept, Accept-Encoding")
    }

    @Test("The endpoint combines several Accept headers into one")
    func severalHeaders() throws {
        let client = try endpoint().client()
        try client.request("GET", "/metrics", headers: ["Accept: text/plain;q=0.2", "Accept: application/*;q=0.3"])
        #expect(try client.answer().text == "open")
    }
}
