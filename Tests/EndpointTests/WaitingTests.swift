import Endpoint
import Foundation
import Testing

@Suite("A request before the first page")
struct WaitingTests {
    @Test("A request waits for the first page, and its connection stays open")
    func waits() throws {
        let endpoint = try Endpoint.forTest { $0.firstPageWait = .seconds(600) }
        let clients = try (1...5).map { _ in try endpoint.client() }
        for client in clients { try client.request("GET", "/metrics") }
        #expect(!clients[0].hears(withinMilliseconds: 200))
        // Others are answered meanwhile.
        #expect(try endpoint.get("/-/ready").status == 503)
        endpoint.publish("up 1\n")
        for client in clients {
            #expect(try client.answer().text == "up 1\n")
            #expect(try client.get("/metrics").text == "up 1\n")
        }
    }

    @Test("A request is answered with 503 and Retry-After when its waiting time ends")
    func patience() throws {
        let endpoint = try Endpoint.forTest { $0.firstPageWait = .milliseconds(700) }
        let start = monotonicTime()
        let answer = try endpoint.get("/metrics")
        #expect(answer.status == 503)
        #expect(answer.headers["retry-after"] == "1")
        #expect(monotonicTime() - start >= .milliseconds(700))
    }

    @Test("A waiting client that disconnects does not block the endpoint")
    func goneMeanwhile() throws {
        let endpoint = try Endpoint.forTest { $0.firstPageWait = .seconds(600) }
        for _ in 1...20 { try endpoint.client().request("GET", "/metrics") }
        Thread.sleep(forTimeInterval: 0.3)
        endpoint.publish("up 1\n")
        #expect(try endpoint.get("/metrics").status == 200)
        let start = monotonicTime()
        endpoint.stop(drain: .seconds(60))
        #expect(monotonicTime() - start < .seconds(30))
    }

    @Test("A waiting request is refused when the endpoint stops")
    func stopping() throws {
        let endpoint = try Endpoint.forTest { $0.firstPageWait = .seconds(600) }
        let client = try endpoint.client()
        try client.request("GET", "/metrics")
        #expect(!client.hears(withinMilliseconds: 200))
        let start = monotonicTime()
        endpoint.stop(drain: .seconds(60))
        #expect(try client.answer().status == 503)
        #expect(monotonicTime() - start < .seconds(30))
    }
}
