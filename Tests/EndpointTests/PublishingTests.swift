import Endpoint
import Testing

@Suite("A published page")
struct PublishingTests {
    /// More than the kernel holds for a connection, so that most of it stays with the server while
    /// the client does not read.
    private static let large = 16 << 20

    @Test("A published page replaces the previous one")
    func replaced() throws {
        let endpoint = try Endpoint.forTest()
        let client = try endpoint.client()
        for number in 1...50 {
            endpoint.publish("page \(number)")
            #expect(try client.get("/metrics").text == "page \(number)")
        }
    }

    @Test("A page replaced during a slow download is still delivered completely")
    func replacedDuringDownload() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish([UInt8](repeating: 1, count: Self.large))
        let slow = try endpoint.client(receiveBuffer: 4096)
        try slow.request("GET", "/metrics")
        let head = try slow.head()
        for _ in 1...3 { endpoint.publish([UInt8](repeating: 2, count: Self.large)) }
        #expect(try endpoint.get("/metrics").body.first == 2)
        let body = try slow.body(of: head)
        #expect(body.count == Self.large)
        #expect(body.allSatisfy { $0 == 1 })
        // The same connection goes on with the new page.
        #expect(try slow.get("/metrics").body.last == 2)
    }

    @Test("Later changes to the publisher's array do not change the published page")
    func arrayWrittenAfterwards() throws {
        let endpoint = try Endpoint.forTest()
        var buffer = [UInt8](repeating: 1, count: 1 << 20)
        endpoint.publish(buffer)
        for place in buffer.indices { buffer[place] = 2 }
        #expect(try endpoint.get("/metrics").body.allSatisfy { $0 == 1 })
        #expect(buffer.allSatisfy { $0 == 2 })
    }

    @Test("Concurrent readers always get one complete page while pages are replaced")
    func replacedOften() async throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish([UInt8](repeating: 0, count: 50_000))
        try await withThrowingTaskGroup { group in
            for _ in 1...3 {
                group.addTask {
                    let client = try endpoint.client()
                    for _ in 1...200 {
                        let body = try client.get("/metrics").body
                        #expect(body.count == 50_000 && body.allSatisfy { $0 == body[0] })
                    }
                }
            }
            for number in 1...UInt8.max {
                endpoint.publish([UInt8](repeating: number, count: 50_000))
                await Task.yield()
            }
            try await group.waitForAll()
        }
    }

    @Test("The downloads of the oldest pages end when those pages use too much memory")
    func oldPages() throws {
        let endpoint = try Endpoint.forTest { $0.oldPagesLimit = Self.large * 3 / 2 }
        var readers: [(client: Client, head: Answer)] = []
        for number in UInt8(1)...4 {
            endpoint.publish([UInt8](repeating: number, count: Self.large))
            let client = try endpoint.client(receiveBuffer: 4096)
            try client.request("GET", "/metrics")
            readers.append((client, try client.head()))
        }
        // The fourth page is the one of now, the third is within the limit, and with the second it
        // is not.
        for (number, reader) in readers.enumerated() {
            let body = try? reader.client.body(of: reader.head)
            #expect(body == (number < 2 ? nil : [UInt8](repeating: UInt8(number + 1), count: Self.large)))
        }
    }
}
