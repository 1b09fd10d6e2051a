import Endpoint
import Foundation
import Synchronization
import Testing

@Suite("A connection")
struct ConnectionTests {
    @Test("A connection stays open for a hundred requests")
    func keepAlive() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("up 1\n")
        let client = try endpoint.client()
        for _ in 1...100 {
            let answer = try client.get("/metrics")
            #expect(answer.text == "up 1\n")
            #expect(answer.headers["connection"] == nil)
        }
        #expect(endpoint.count(of: 200) == 100)
    }

    @Test(
        "The server closes the connection after the answer when the client asks for that",
        arguments: ["HTTP/1.0\r\n", "HTTP/1.1\r\nConnection: close\r\n"]
    )
    func closeOnRequest(version: String) throws {
        let client = try Endpoint.forTest().client()
        try client.send("GET /-/healthy \(version)Host: test\r\n\r\n")
        let answer = try client.answer()
        #expect(answer.text == "Healthy.\n")
        #expect(answer.headers["connection"] == "close")
        #expect(client.isClosedByServer())
    }

    @Test("The server answers pipelined requests in order")
    func pipelining() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("up 1\n")
        let client = try endpoint.client()
        let paths = ["/metrics", "/nothing", "/-/healthy", "/-/ready", "/", "/metrics"]
        try client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: test\r\n\r\n" }.joined())
        #expect(try paths.map { _ in try client.answer().status } == [200, 404, 200, 200, 200, 200])
    }

    @Test("The server answers the last request of a half-closed connection, then closes it")
    func halfClosed() throws {
        let endpoint = try Endpoint.forTest()
        // The end of the stream is missed only where the server sees it together with the request,
        // so it is tried often.
        for _ in 1...50 {
            let client = try endpoint.client()
            try client.request("GET", "/-/healthy")
            try client.request("GET", "/nothing")
            client.finishSending()
            #expect(try client.answer().status == 200)
            #expect(try client.answer().status == 404)
            try #require(client.isClosedByServer())
        }
    }

    @Test(
        "A client that disconnects in the middle of a request frees its connection for the next client"
    )
    func goneInTheMiddle() throws {
        let endpoint = try Endpoint.forTest { $0.connectionLimit = 1 }
        for _ in 1...5 {
            let client = try endpoint.client()
            try client.send("GET /met")
            client.finishSending()
            #expect(client.isClosedByServer())
        }
    }

    @Test("The server accepts a request that arrives in pieces")
    func splitRequest() throws {
        let client = try Endpoint.forTest().client()
        for piece in ["G", "ET /-/hea", "lthy HTTP/1.1\r", "\nHost: te", "st\r\n\r", "\n"] {
            try client.send(piece)
            Thread.sleep(forTimeInterval: 0.01)
        }
        #expect(try client.answer().text == "Healthy.\n")
    }

    @Test(
        "The server reads a body to its end before it answers, and keeps the connection open",
        arguments: [("POST", 405), ("GET", 200), ("PUT", 405)]
    )
    func requestWithBody(method: String, status: Int) throws {
        let client = try Endpoint.forTest().client()
        try client.request(method, "/-/healthy", headers: ["Content-Length: 1048576"])
        try client.send([UInt8](repeating: 0, count: 1 << 20))
        #expect(try client.answer().status == status)
        #expect(try client.get("/-/healthy").status == 200)
    }

    @Test("The server accepts a chunked body, and a body announced with Expect: 100-continue")
    func requestWithChunks() throws {
        let client = try Endpoint.forTest().client()
        try client.request("POST", "/metrics", headers: ["Transfer-Encoding: chunked", "Expect: 100-continue"])
        #expect(try client.head().status == 100)
        try client.send("5\r\nhello\r\n3\r\n or\r\n0\r\n\r\n")
        #expect(try client.answer().status == 405)
        #expect(try client.get("/-/healthy").status == 200)
    }

    @Test("The request timeout closes a connection with an incomplete request")
    func halfRequest() throws {
        let endpoint = try Endpoint.forTest { $0.requestTimeout = 1 }
        let start = monotonicTime()
        let client = try endpoint.client()
        try client.send("GET /metrics HTTP/1.1\r\nHost:")
        #expect(client.isClosedByServer())
        #expect(monotonicTime() - start >= .seconds(1))
    }

    @Test("The request timeout closes a connection that sends nothing")
    func silence() throws {
        let client = try Endpoint.forTest { $0.requestTimeout = 1 }.client()
        #expect(client.isClosedByServer())
    }

    @Test(
        "The request timeout applies to an incomplete later request, but not to an idle connection"
    )
    func idleAfterRequest() throws {
        let client = try Endpoint.forTest { $0.requestTimeout = 3 }.client()
        #expect(try client.get("/-/healthy").status == 200)
        Thread.sleep(forTimeInterval: 4.2)
        #expect(try client.get("/-/healthy").status == 200)
        try client.send("GET /metrics HTTP/1.1\r\nHost:")
        #expect(client.isClosedByServer())
    }

    @Test("The idle timeout closes an idle connection")
    func idleTooLong() throws {
        let client = try Endpoint.forTest { $0.idleTimeout = 1 }.client()
        let start = monotonicTime()
        #expect(try client.get("/-/healthy").status == 200)
        #expect(client.isClosedByServer())
        #expect(monotonicTime() - start >= .milliseconds(900))
    }

    @Test("A connection beyond the limit waits until another one is answered or ends")
    func limit() throws {
        let limits = Mutex<[Int]>([])
        let endpoint = try Endpoint.forTest {
            $0.connectionLimit = 2
        } report: { event in
            if case .connectionLimitReached(let limit) = event { limits.withLock { $0.append(limit) } }
        }
        let first = try endpoint.client()
        try first.send("GET /-/healthy HTTP/1.1\r\n")
        var second: Client? = try endpoint.client()
        try second?.send("GET /-/healthy HTTP/1.1\r\n")
        #expect(becomesTrue { endpoint.statistics.active == 2 })
        let third = try endpoint.client()
        try third.request("GET", "/-/healthy")
        let fourth = try endpoint.client()
        try fourth.request("GET", "/-/healthy")
        #expect(!third.hears(withinMilliseconds: 200))
        #expect(becomesTrue { endpoint.statistics.waiting == 2 })
        second = nil
        #expect(try third.answer().status == 200)
        try first.send("Host: test\r\n\r\n")
        #expect(try first.answer().status == 200)
        #expect(try fourth.answer().status == 200)
        #expect(limits.withLock { $0 } == [2])
    }

    @Test("The server closes the connections idle longest when the limit is nearly reached")
    func makesRoom() throws {
        let endpoint = try Endpoint.forTest { $0.connectionLimit = 16 }
        let silent = try endpoint.client()
        usleep(20_000)
        let idle = try (1...13).map { _ in
            let client = try endpoint.client()
            #expect(try client.get("/-/healthy").status == 200)
            return client
        }
        #expect(becomesTrue { endpoint.statistics.idle == 14 })
        let late = try (1...2).map { _ in try endpoint.client() }
        for client in late { #expect(try client.get("/-/healthy").status == 200) }
        #expect(silent.isClosedByServer())
        #expect(idle[0].isClosedByServer())
        for client in idle[4...] { #expect(try client.get("/-/healthy").status == 200) }
    }

    @Test("The server keeps a connection whose request has begun when the limit is reached", arguments: [false, true])
    func keepsBegun(isKept: Bool) throws {
        let endpoint = try Endpoint.forTest { $0.connectionLimit = 2 }
        let begun = try endpoint.client()
        if isKept { #expect(try begun.get("/-/healthy").status == 200) }
        // The kernel records in ticks when something came.
        usleep(100_000)
        try begun.send("GET /-/hea")
        let idle = try endpoint.client()
        #expect(try idle.get("/-/healthy").status == 200)
        let third = try endpoint.client()
        #expect(try third.get("/-/healthy").status == 200)
        #expect(idle.isClosedByServer())
        try begun.send("lthy HTTP/1.1\r\nHost: test\r\n\r\n")
        #expect(try begun.answer().status == 200)
    }

    @Test("The server closes an idle connection sooner after a refused request")
    func idleAfterRefusal() throws {
        let client = try Endpoint.forTest { $0.requestTimeout = 1 }.client()
        #expect(try client.get("/nothing").status == 404)
        let start = monotonicTime()
        #expect(client.isClosedByServer())
        #expect(monotonicTime() - start < .seconds(30))
    }

    @Test("A client that closes the connection first keeps its TIME_WAIT")
    func timeWait() throws {
        // An address of this test's own: another endpoint may have had the same port within the
        // last minute.
        let endpoint = try Endpoint.forTest(on: ["127.0.0.4:0"])
        let client = try Client(port: endpoint.ports[0], address: "127.0.0.4", of: endpoint)
        for _ in 1...3 { #expect(try client.get("/-/healthy").status == 200) }
        // As long as the client is there, so is its connection; its TIME_WAIT shows that all is
        // over.
        withExtendedLifetime(consume client) {}
        let port = endpoint.ports[0]
        var timeWaits = try TimeWaits(port: port)
        for _ in 1...1000 where timeWaits.ofClients == 0 {
            Thread.sleep(forTimeInterval: 0.02)
            timeWaits = try TimeWaits(port: port)
        }
        #expect(timeWaits.ofClients == 1)
        #expect(timeWaits.ofServer == 0)
    }
}

/// The IPv4 sockets in TIME_WAIT that have a port of 127.0.0.4 at either end.
private struct TimeWaits {
    private(set) var ofServer = 0
    private(set) var ofClients = 0

    init(port: Int) throws {
        let wanted = String(format: "0400007F:%04X", port)
        let rows = try textOfProc("net/tcp").split(separator: "\n").map { $0.split(separator: " ") }
        // To the file's end the kernel gives rows twice while the table grows.
        let ends = Set(rows.filter { $0.count > 3 && $0[3] == "06" }.map { $0[1...2] })
        ofServer = ends.count { $0.first == wanted[...] }
        ofClients = ends.count { $0.last == wanted[...] }
    }
}
