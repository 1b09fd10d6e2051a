import Endpoint
import Glibc
import Testing

@Suite("An ambiguous request")
struct MalformedTests {
    @Test(
        "An ambiguous request is answered with 400, and the connection is closed",
        arguments: [
            "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
            "Host: a\r\nContent-Length: 5\r\nContent-Length: 5",
            "Host: a\r\nContent-Length: 5\r\nContent-Length: 6", "Host: a\r\nTransfer-Encoding: xchunked",
            "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Host: a\r\nTransfer-Encoding: gzip, chunked", "Host: a\r\nTransfer-Encoding : chunked",
            "Host: a\r\nContent-Length : 5", "Host: a\r\nContent Length: 5", "Host: a\r\nHost: b",
            "X: a",
            "Host: a\r\nContent-Length: -1", "Host: a\r\nContent-Length: 0x5", "Host: a\r\nContent-Length: 5,5",
            "Host: a\r\nContent-Length: +5", "Host: a\r\nContent-Length:", "Host: a\r\nX\0: y", "Host: a\r\n X: y",
            "Host: a\r\nContent-Length:\r\n 5", "Host: a\r\nContent-Len: 5\r\n gth",
            "Host: a\r\nTransfer-Encoding:\r\n\tchunked", "Host: a\r\nX: y\r\n z",
        ]
    )
    func headers(lines: String) throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("up 1\n")
        let client = try endpoint.client()
        try client.send("GET /metrics HTTP/1.1\r\n\(lines)\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: b\r\n\r\n")
        let answer = try client.answer()
        #expect(answer.status == 400)
        #expect(answer.headers["connection"] == "close")
        // libmicrohttpd (0.9.75) writes the head of some of its own answers twice.
        #expect(!(try client.rest()).contains("200 OK"))
    }

    @Test(
        "The endpoint keeps serving after a request that libmicrohttpd 0.9 parses leniently and 1.0 refuses",
        arguments: ["\0", ": 5", ":", "X: a\0b", "Transfer-Encoding: chunked\0", "X: a\rb"]
    )
    func leniently(line: String) throws {
        let endpoint = try Endpoint.forTest()
        endpoint.publish("up 1\n")
        let client = try endpoint.client()
        try client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\(line)\r\nConnection: close\r\n\r\n")
        client.finishSending()
        let answer = try client.rest()
        if Endpoint.libraryIsStrict { #expect(answer.hasPrefix("HTTP/1.1 400 ")) }
        #expect(try endpoint.get("/metrics").text == "up 1\n")
        #expect(becomesTrue { endpoint.statistics.active == 0 })
    }

    @Test(
        "A request with a space in its target gets no answer, or since libmicrohttpd 1.0 gets 400",
        arguments: ["/metrics /x", "/metrics ", "/a?b=c d"]
    )
    func spaceInTarget(target: String) throws {
        let client = try Endpoint.forTest().client()
        try client.request("GET", target)
        if Endpoint.libraryIsStrict {
            #expect(try client.answer().status == 400)
        } else {
            #expect(try client.rest() == "")
        }
    }

    @Test(
        "A request whose target is neither a path nor a URI is answered with 400",
        arguments: ["metrics", "?", "\u{e9}", "ftp://test/metrics"]
    )
    func noPath(target: String) throws {
        let client = try Endpoint.forTest().client()
        try client.request("GET", target)
        #expect(try client.answer().status == 400)
    }

    @Test(
        "A valid request is accepted when it is long, split or pipelined",
        arguments: [1, 100, 200]
    )
    func goodOnes(count: Int) throws {
        let client = try Endpoint.forTest().client()
        let headers = (1...count).map {
            "X-\($0):\(String(repeating: " ", count: $0 % 3))\(String(repeating: "v", count: 50)) \t"
        }
        let lines = ["GET /-/healthy?a=b HTTP/1.1", "Host: a", "Empty:", "Cookie: a=b; c=d"] + headers
        let request = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        try client.send(request + request)
        for _ in 1...2 { #expect(try client.answer().status == 200) }
        for start in stride(from: 0, to: request.count, by: 1000) {
            try client.send(Array(request[start..<min(start + 1000, request.count)]))
            usleep(2000)
        }
        #expect(try client.answer().status == 200)
        try client.send(Array("\r\n".utf8) + request)
        #expect(try client.answer().status == 200)
    }

    @Test("An HTTP/1.0 request needs no Host header and must not be chunked")
    func oldVersion() throws {
        let endpoint = try Endpoint.forTest()
        let plain = try endpoint.client()
        try plain.send("GET /-/healthy HTTP/1.0\r\n\r\n")
        #expect(try plain.answer().status == 200)
        let chunked = try endpoint.client()
        try chunked.send("GET /-/healthy HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        #expect(try chunked.answer().status == 400)
    }

    @Test("An ambiguous request is counted under status 400")
    func counted() throws {
        let endpoint = try Endpoint.forTest()
        let client = try endpoint.client()
        try client.request("GET", "/metrics", headers: ["Host: b"])
        _ = try client.answer()
        #expect(endpoint.count(of: 400) == 1)
    }
}
