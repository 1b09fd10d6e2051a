import Endpoint
import Foundation
import Testing

// One after the other: a port that one of them has left could else be the next one's.
@Suite("The stop of an endpoint", .serialized)
struct StoppingTests {
    /// A loopback address of this suite's own: nobody else takes a port of it that has just become
    /// free.
    private static let ownAddress = "127.0.0.2"
    private static let large = [UInt8](repeating: 7, count: 16 << 20)

    @Test("The stop does not wait for idle connections or incomplete requests")
    func idleConnections() throws {
        let endpoint = try Endpoint.forTest()
        let clients = try (1...5).map { _ in try endpoint.client() }
        for client in clients { #expect(try client.get("/-/healthy").status == 200) }
        let half = try endpoint.client()
        try half.send("GET /metrics HTTP/1.1\r\nHost:")
        let start = monotonicTime()
        endpoint.stop(drain: .seconds(60))
        #expect(monotonicTime() - start < .seconds(30))
        for client in clients { #expect(client.isClosedByServer()) }
        withExtendedLifetime(half) {}
    }

    @Test("The stop waits for a slow download while it refuses new connections")
    func download() throws {
        let endpoint = try Endpoint.forTest(on: ["\(Self.ownAddress):0"])
        endpoint.publish(Self.large)
        let port = endpoint.ports[0]
        let slow = try Client(port: port, address: Self.ownAddress, receiveBuffer: 4096)
        try slow.request("GET", "/metrics")
        let head = try slow.head()
        let stopping = Thread { endpoint.stop(drain: .seconds(600)) }
        stopping.start()
        while (try? Client(port: port, address: Self.ownAddress)) != nil { Thread.sleep(forTimeInterval: 0.001) }
        Thread.sleep(forTimeInterval: 0.1)
        #expect(!stopping.isFinished)
        #expect(try slow.body(of: head) == Self.large)
        #expect(slow.isClosedByServer())
    }

    @Test("The stop aborts a download that exceeds the drain limit")
    func limit() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish(Self.large)
        let slow = try endpoint.client(receiveBuffer: 4096)
        try slow.request("GET", "/metrics")
        let head = try slow.head()
        let start = monotonicTime()
        endpoint.stop(drain: .milliseconds(300))
        #expect(monotonicTime() - start >= .milliseconds(300))
        #expect(throws: Client.EndOfStream.self) { try slow.body(of: head) }
    }

    @Test("The stop does not wait for a download that its client abandoned")
    func downloadGivenUp() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish(Self.large)
        var slow: Client? = try endpoint.client(receiveBuffer: 4096)
        try slow?.request("GET", "/metrics")
        _ = try slow?.head()
        slow = nil
        let start = monotonicTime()
        endpoint.stop(drain: .seconds(60))
        #expect(monotonicTime() - start < .seconds(30))
    }

    @Test("A second stop and a missing stop are harmless")
    func twice() throws {
        let endpoint = try Endpoint.forTest(on: ["\(Self.ownAddress):0"])
        endpoint.publish("up 1\n")
        endpoint.stop(drain: .seconds(1))
        endpoint.stop(drain: .seconds(1))
        endpoint.publish("up 2\n")
        #expect(throws: ClientError.self) { try Client(port: endpoint.ports[0], address: Self.ownAddress) }
        let port = try Endpoint.forTest(on: ["\(Self.ownAddress):0"]).ports[0]
        #expect(throws: ClientError.self) { try Client(port: port, address: Self.ownAddress) }
    }
}
