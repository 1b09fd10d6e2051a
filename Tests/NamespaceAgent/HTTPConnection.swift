import Glibc

/// The client's end of an HTTP/1.1 connection, for as much of HTTP as scraping needs.
final class HTTPConnection {
    /// No page of a test is longer; a body beyond it is a failure rather than a full memory.
    private static let bodyLimit = 64 * 1024 * 1024

    /// What a server answered.
    struct Answer {
        /// The status of the first line.
        var status = 0
        /// The Content-Type, empty if there was none.
        var type = ""
        /// The body, its chunks put together.
        var body: [UInt8] = []
        /// Whether the connection can be used again.
        var staysOpen = true
    }

    /// Where it goes.
    private let visit: Visit
    /// The client's end.
    private let socket: Socket
    /// What has been received.
    private var received: [UInt8] = []
    /// How much of that has been used.
    private var start = 0

    /// Connects.
    init(_ visit: Visit) throws(Failure) {
        self.visit = visit
        socket = try Socket(family: visit.address.family)
        guard try socket.connect(to: visit.address, visit.port) else {
            throw Failure("no source port is left for \(visit.address.text) port \(visit.port)")
        }
    }

    /// Asks for a page and reads it to its end.
    func get(_ path: String, accept: String) throws(Failure) -> Answer {
        let host = visit.address.family == AF_INET6 ? "[\(visit.address.text)]" : visit.address.text
        var request = "GET \(path) HTTP/1.1\r\nHost: \(host):\(visit.port)\r\n"
        if !accept.isEmpty { request += "Accept: \(accept)\r\n" }
        try send(Array((request + "\r\n").utf8))
        return try readAnswer()
    }

    /// Closes the connection before the server does.
    func closeFirst() throws(Failure) {
        try socket.closeFirst()
    }

    /// Reads one answer: the head, and a body of the length that it declares.
    private func readAnswer() throws(Failure) -> Answer {
        var answer = Answer()
        let first = try line()
        let words = first.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Failure("the answer begins with \(first)")
        }
        answer.status = status
        var length: Int?
        var chunked = false
        while case let header = try line(), !header.isEmpty {
            let parts = header.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw Failure("a header is \(header)") }
            let value = String(parts[1].drop { $0 == " " })
            switch parts[0].lowercased() {
            case "content-length": length = Int(value)
            case "content-type": answer.type = value
            case "transfer-encoding": chunked = value.lowercased() == "chunked"
            case "connection": answer.staysOpen = value.lowercased() != "close"
            default: break
            }
        }
        if chunked {
            try readChunks(into: &answer.body)
        } else if let length {
            try readBytes(length, into: &answer.body)
        } else {
            throw Failure("the answer tells neither its length nor its chunks")
        }
        return answer
    }

    /// Reads a body in chunks, to its end.
    private func readChunks(into body: inout [UInt8]) throws(Failure) {
        while true {
            let size = try line()
            guard let count = Int(size.prefix { $0 != ";" }, radix: 16) else {
                throw Failure("the size of a chunk is \(size)")
            }
            if count == 0 { break }
            try readBytes(count, into: &body)
            guard try line().isEmpty else { throw Failure("a chunk is longer than its size") }
        }
        // Trailers, and the empty line that ends the body.
        while try !line().isEmpty {}
    }

    /// Reads a part of a body.
    private func readBytes(_ count: Int, into body: inout [UInt8]) throws(Failure) {
        guard count >= 0, count <= Self.bodyLimit - body.count else { throw Failure("\(count) bytes are too many") }
        while received.count - start < count { try receive() }
        body += received[start..<start + count]
        start += count
    }

    /// The next line of the head without its end.
    private func line() throws(Failure) -> String {
        while true {
            if let end = received[start...].firstIndex(of: UInt8(ascii: "\n")) {
                var line = received[start..<end]
                start = end + 1
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                return String(decoding: line, as: UTF8.self)
            }
            guard received.count - start < 64 * 1024 else { throw Failure("a line of the answer's head does not end") }
            try receive()
        }
    }

    /// Waits for more bytes; the end of the connection is a failure here.
    private func receive() throws(Failure) {
        received.removeSubrange(..<start)
        start = 0
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(socket.descriptor, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { throw Failure(call: "recv") }
        guard count > 0 else { throw Failure("the server ended the connection") }
        received += chunk[..<count]
    }

    /// Sends a request.
    private func send(_ bytes: [UInt8]) throws(Failure) {
        let flags = Int32(MSG_NOSIGNAL)
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(socket.descriptor, $0.baseAddress, $0.count, flags)
        }
        guard count >= 0 else { throw Failure(call: "send") }
        // A request is far smaller than the socket's buffer.
        guard count == bytes.count else { throw Failure("only \(count) bytes of the request could be sent") }
    }
}
