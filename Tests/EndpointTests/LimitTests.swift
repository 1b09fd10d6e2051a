import Endpoint
import Testing

@Suite("A limit")
struct LimitTests {
    @Test("The limit per address closes only the excess connections of that address")
    func perAddress() throws {
        let endpoint = try Endpoint.forTest(on: ["0.0.0.0:0"]) { $0.connectionLimitPerAddress = 2 }
        var clients = try (1...2).map { _ in try endpoint.client() }
        for client in clients { #expect(try client.get("/-/healthy").status == 200) }
        #expect(try endpoint.client().isClosedByServer())
        let other = try Client(port: endpoint.ports[0], from: "127.0.0.9", of: endpoint)
        #expect(try other.get("/-/healthy").status == 200)
        clients.removeLast()
        // The server sees the end when it sees it.
        let deadline = monotonicTime() + .seconds(10)
        var isIn = false
        while !isIn, monotonicTime() < deadline { isIn = (try? endpoint.client().get("/-/healthy").status) == 200 }
        #expect(isIn)
    }

    @Test("The limit per address counts connections to all sockets, IPv4-mapped ones included")
    func perAddressOfAll() throws {
        let endpoint = try Endpoint.forTest(on: ["127.0.0.1:0", ":0"]) { $0.connectionLimitPerAddress = 2 }
        let clients = try endpoint.ports.map { try Client(port: $0, of: endpoint) }
        for client in clients { #expect(try client.get("/-/healthy").status == 200) }
        for port in endpoint.ports { #expect(try Client(port: port, of: endpoint).isClosedByServer()) }
        for client in clients { #expect(try client.get("/-/healthy").status == 200) }
    }

    @Test("All sockets share the limit of connections")
    func shared() throws {
        let endpoint = try Endpoint.forTest(on: ["127.0.0.1:0", "127.0.0.1:0"]) { $0.connectionLimit = 4 }
        let first = try (1...2).map { _ in try Client(port: endpoint.ports[0], of: endpoint) }
        let second = try (1...2).map { _ in try Client(port: endpoint.ports[1], of: endpoint) }
        for client in first + second { try client.send("GET /-/healthy HTTP/1.1\r\n") }
        #expect(becomesTrue { endpoint.statistics.active == 4 })
        let third = try Client(port: endpoint.ports[0], of: endpoint)
        try third.request("GET", "/-/healthy")
        #expect(!third.hears(withinMilliseconds: 200))
        try second[0].send("Host: test\r\n\r\n")
        #expect(try second[0].answer().status == 200)
        #expect(try third.answer().status == 200)
        withExtendedLifetime(first + second) {}
    }

    @Test(
        "A body whose declared length exceeds the limit is answered with 413 before it is read",
        arguments: ["1048577", "99999999999999999999"]
    )
    func announcedBody(length: String) throws {
        let client = try Endpoint.forTest().client()
        try client.request("POST", "/metrics", headers: ["Content-Length: \(length)"])
        #expect(try client.answer().status == 413)
        _ = try client.rest()
    }

    @Test("A body of unknown length that exceeds the limit ends the connection")
    func unannouncedBody() throws {
        let client = try Endpoint.forTest().client()
        try client.request("POST", "/metrics", headers: ["Transfer-Encoding: chunked"])
        let chunk = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
        #expect(throws: (any Error).self) {
            for _ in 1...64 { try client.send(chunk) }
            _ = try client.answer()
        }
    }
}
