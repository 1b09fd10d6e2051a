import Endpoint
import Foundation
import Testing

@Suite("A deadline")
struct DeadlineTests {
    @Test(
        "The deadline ends a request that arrives byte by byte",
        arguments: ["GET /metr", "GET / HTTP/1.1\r\nX: "]
    )
    func trickle(beginning: String) throws {
        let endpoint = try Endpoint.forTest { $0.requestTimeout = 2 }
        let start = monotonicTime()
        let client = try endpoint.client()
        try client.send(beginning)
        var isCut = false
        while !isCut, monotonicTime() - start < .seconds(20) {
            Thread.sleep(forTimeInterval: 0.1)
            isCut = (try? client.send("x")) == nil
        }
        #expect(isCut)
        #expect(monotonicTime() - start >= .seconds(2))
    }

    @Test("The deadline ends a later request on a kept connection that arrives byte by byte")
    func trickleOnKeptConnection() throws {
        let client = try Endpoint.forTest { $0.requestTimeout = 2 }.client()
        #expect(try client.get("/-/healthy").status == 200)
        Thread.sleep(forTimeInterval: 2.5)
        let start = monotonicTime()
        var isCut = false
        while !isCut, monotonicTime() - start < .seconds(20) {
            isCut = (try? client.send("G")) == nil
            Thread.sleep(forTimeInterval: 0.1)
        }
        #expect(isCut)
        #expect(monotonicTime() - start >= .seconds(2))
    }

    @Test("The deadline ends an endless body")
    func endlessBody() throws {
        let endpoint = try Endpoint.forTest { $0.requestTimeout = 2 }
        let start = monotonicTime()
        let client = try endpoint.client()
        try client.request("POST", "/metrics", headers: ["Transfer-Encoding: chunked"])
        var isCut = false
        while !isCut, monotonicTime() - start < .seconds(20) {
            Thread.sleep(forTimeInterval: 0.1)
            isCut = (try? client.send("1\r\nx\r\n")) == nil
        }
        #expect(isCut)
        #expect(monotonicTime() - start >= .seconds(2))
    }

    @Test("The deadline ends an answer that the client reads too slowly")
    func slowReader() throws {
        // The next client waits for the slow one's end.
        let endpoint = try Endpoint.forTest {
            $0.answerTimeout = 2
            $0.connectionLimit = 1
        }
        endpoint.publish([UInt8](repeating: 7, count: 16 << 20))
        let slow = try endpoint.client(receiveBuffer: 4096)
        let start = monotonicTime()
        try slow.request("GET", "/metrics")
        _ = try slow.take(2048)
        let next = try endpoint.client()
        try next.request("GET", "/-/healthy")
        while !next.hears(withinMilliseconds: 50), monotonicTime() - start < .seconds(20) { _ = try? slow.take(2048) }
        #expect(try next.answer().status == 200)
        #expect(monotonicTime() - start >= .seconds(2))
        #expect(throws: Client.EndOfStream.self) { while true { _ = try slow.take(65_536) } }
    }

    @Test(
        "The request deadline restarts with each request and does not apply to an idle connection"
    )
    func anew() throws {
        let client = try Endpoint.forTest { $0.requestTimeout = 3 }.client()
        for _ in 1...2 {
            #expect(try client.get("/-/healthy").status == 200)
            Thread.sleep(forTimeInterval: 3.5)
        }
        #expect(try client.get("/-/healthy").status == 200)
    }

    @Test("The request deadline does not run while a request waits for the first page")
    func waiting() throws {
        let endpoint = try Endpoint.forTest {
            $0.requestTimeout = 3
            $0.firstPageWait = .seconds(600)
        }
        let client = try endpoint.client()
        try client.request("GET", "/metrics")
        Thread.sleep(forTimeInterval: 4.5)
        endpoint.publish("up 1\n")
        #expect(try client.answer().text == "up 1\n")
    }

    @Test("Silence at the start does not extend the deadline of the first request")
    func silenceFirst() throws {
        // A deadline that moved would never let it end earlier. One that did not move may be kept
        // late on a busy machine.
        var isInTime = false
        for _ in 1...5 where !isInTime {
            let client = try Endpoint.forTest { $0.requestTimeout = 3 }.client()
            Thread.sleep(forTimeInterval: 2)
            let sent = monotonicTime()
            // The server has ended it already where this thread slept for too long.
            _ = try? client.send("GET / HTTP/1.1\r\nHost:")
            #expect(client.isClosedByServer())
            isInTime = monotonicTime() - sent < .seconds(3)
        }
        #expect(isInTime)
    }
}
