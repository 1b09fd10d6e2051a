import Endpoint
import Testing

@Suite("A gzip-compressed page")
struct CompressionTests {
    /// Three sections, of which the second is empty and the last belongs to every part.
    private static let parts = [String(repeating: "first 1\n", count: 5_000), "", "# EOF\n"]

    private func endpoint() throws -> Endpoint {
        let endpoint = try Endpoint.forTest()
        var sections: [Endpoint.Page.Section] = []
        var body: [UInt8] = []
        for (name, part) in zip(["first", "second", nil], Self.parts) {
            sections.append(.init(name: name, range: body.count..<body.count + part.utf8.count))
            body += part.utf8
        }
        let page = Endpoint.Page([.init(body: body, contentType: Endpoint.contentType, sections: sections)])
        endpoint.publish(page, sampledAt: monotonicTime())
        return endpoint
    }

    private func get(_ target: String, from endpoint: Endpoint, encoding: String) throws -> Answer {
        let client = try endpoint.client()
        try client.request("GET", target, headers: ["Accept-Encoding: \(encoding)"])
        return try client.answer()
    }

    @Test("A compressed page decompresses to the page and is much smaller on every request")
    func whole() throws {
        let endpoint = try endpoint()
        for _ in 1...3 {
            let answer = try get("/metrics", from: endpoint, encoding: "gzip")
            #expect(answer.headers["content-encoding"] == "gzip")
            #expect(answer.body.count < 1_000)
            #expect(try Program.run("gzip", ["-dc"], input: answer.body) == Array(Self.parts.joined().utf8))
        }
        // Whoever does not ask for it gets the page as it is.
        #expect(try endpoint.get("/metrics").text == Self.parts.joined())
    }

    @Test(
        "A compressed part of the page decompresses to the requested part",
        arguments: [("collect[]=first", [0, 2]), ("collect[]=second", [1, 2]), ("exclude[]=first", [1, 2])]
    )
    func part(query: String, parts: [Int]) throws {
        let answer = try get("/metrics?\(query)", from: endpoint(), encoding: "gzip")
        let unpacked = try Program.run("gzip", ["-dc"], input: answer.body)
        #expect(unpacked == Array(parts.map { Self.parts[$0] }.joined().utf8))
    }

    @Test("A compressed page is a single gzip member without trailing bytes")
    func oneMember() throws {
        let answer = try get("/metrics", from: endpoint(), encoding: "gzip")
        let script = """
            import sys, zlib
            d = zlib.decompressobj(31)
            sys.stdout.buffer.write(d.decompress(sys.stdin.buffer.read()))
            sys.exit(0 if d.eof and not d.unused_data else 1)
            """
        #expect(try Program.run("python3", ["-c", script], input: answer.body) == Array(Self.parts.joined().utf8))
    }

    @Test("A compressed empty page decompresses to no bytes")
    func empty() throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("")
        let answer = try get("/metrics", from: endpoint, encoding: "gzip")
        #expect(try Program.run("gzip", ["-dc"], input: answer.body).isEmpty)
    }

    @Test(
        "The endpoint sends gzip to clients that weight gzip at least as high as identity",
        arguments: [
            ("gzip", true), ("GZIP", true), ("x-gzip", true), ("deflate, gzip, br", true), ("*", true),
            ("gzip;q=0.1", true),
            ("gzip;q=0.5, identity;q=0.5", true), ("identity, gzip", true), ("gzip;q=0.5, identity", false),
            ("gzip;q=0", false), ("gzip;q=0, *", false), ("*;q=0", false), ("identity", false), ("br", false),
            ("", false),
            ("deflate", false), ("gzip;q=oh", false),
        ]
    )
    func acceptEncoding(header: String, isGzip: Bool) throws {
        let answer = try get("/metrics", from: endpoint(), encoding: header)
        #expect((answer.headers["content-encoding"] == "gzip") == isGzip)
        #expect(answer.headers["vary"] == "Accept, Accept-Encoding")
    }

    @Test("A HEAD request for a compressed page returns the same headers and no body")
    func head() throws {
        let client = try endpoint().client()
        try client.request("HEAD", "/metrics", headers: ["Accept-Encoding: gzip"])
        let head = try client.answer(withBody: false)
        try client.request("GET", "/metrics", headers: ["Accept-Encoding: gzip"])
        let get = try client.answer()
        #expect(head.headers["content-length"] == get.headers["content-length"])
        #expect(head.headers["content-encoding"] == "gzip")
    }
}
