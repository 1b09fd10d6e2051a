import Endpoint
import Synchronization
import Testing

@Suite("The count of answers")
struct CountingTests {
    @Test("Every status code has a count of 0 at the start")
    func allCodes() throws {
        let counts = try Endpoint.forTest().statistics.answers
        #expect(counts.map(\.code) == [200, 301, 400, 401, 404, 405, 413, 429, 431, 500, 503])
        #expect(counts.allSatisfy { $0.count == 0 })
    }

    @Test("Each answer is counted once under its status code")
    func eachOnce() throws {
        let endpoint = try Endpoint.forTest()
        let client = try endpoint.client()
        #expect(try client.get("/metrics").status == 503)
        endpoint.publish("up 1\n")
        for path in ["/metrics", "/", "/-/healthy", "/-/ready", "/nothing", "/nowhere"] { _ = try client.get(path) }
        try client.request("HEAD", "/metrics")
        _ = try client.answer(withBody: false)
        try client.request("POST", "/metrics", headers: ["Content-Length: 3"])
        try client.send("abc")
        _ = try client.answer()
        let counts = endpoint.statistics.answers.filter { $0.count > 0 }
        #expect(counts.map(\.code) == [200, 404, 405, 503])
        #expect(counts.map(\.count) == [5, 2, 1, 1])
    }

    @Test("The answers of libmicrohttpd itself are counted and logged")
    func answersOfTheLibrary() throws {
        let log = Log()
        let endpoint = try Endpoint.forTest(report: log.append)
        let client = try endpoint.client()
        try client.request("GET", "/metrics", headers: ["X: " + String(repeating: "x", count: 50_000)])
        #expect(try client.answer().status == 431)
        // It is counted when the connection is closed, which is before we are notified.
        #expect(client.isClosedByServer())
        endpoint.stop(drain: .zero)
        #expect(endpoint.count(of: 431) == 1)
        #expect(log.lines.contains { $0.contains("431") && !$0.contains("\n") })
    }

    @Test("A request that the client abandons is not counted")
    func givenUp() throws {
        let endpoint = try Endpoint.forTest()
        try endpoint.client().send("GET /metrics HTTP/1.1\r\nHost:")
        #expect(try endpoint.get("/-/healthy").status == 200)
        endpoint.stop(drain: .zero)
        #expect(endpoint.statistics.answers.map(\.count).reduce(0, +) == 1)
    }

    private final class Log: Sendable {
        private let kept = Mutex<[String]>([])

        var lines: [String] { kept.withLock { $0 } }

        @Sendable
        func append(_ event: Endpoint.Event) {
            if case .library(let line) = event { kept.withLock { $0.append(line) } }
        }
    }
}
