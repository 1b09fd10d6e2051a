import Endpoint
import Foundation
import Glibc

/// A client that sends exactly the given bytes over one connection.
final class Client {
    private let descriptor: CInt
    private var unread: [UInt8] = []
    /// An endpoint that nobody holds stops.
    private let server: Endpoint?

    /// Connects to a port of an address in numbers. A small receive buffer makes a client that the
    /// server cannot run ahead of.
    ///
    /// - Parameter own: the client's own IPv4 address; nil for what the kernel takes.
    init(
        port: Int,
        address: String = "127.0.0.1",
        from own: String? = nil,
        receiveBuffer: CInt? = nil,
        of server: Endpoint? = nil
    ) throws {
        self.server = server
        var wanted = unsafe addrinfo()
        unsafe wanted.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(address, String(port), &wanted, &found) == 0, let entry = unsafe found?.pointee else {
            throw ClientError("no address \(address)")
        }
        defer { unsafe freeaddrinfo(found) }
        descriptor = unsafe socket(entry.ai_family, entry.ai_socktype | CInt(SOCK_CLOEXEC.rawValue), 0)
        if var receiveBuffer {
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4)
        }
        // No test may hang: what has not come after this long does not come.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        if let own {
            var source = sockaddr_in()
            source.sin_family = sa_family_t(AF_INET)
            unsafe inet_pton(AF_INET, own, &source.sin_addr)
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let code = unsafe withUnsafePointer(to: &source) { source in
                unsafe source.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor, $0, length)
                }
            }
            guard code == 0 else { throw ClientError("bind: \(unsafe String(cString: strerror(errno)))") }
        }
        if unsafe connect(descriptor, entry.ai_addr, entry.ai_addrlen) != 0 {
            throw ClientError("connect: \(unsafe String(cString: strerror(errno)))")
        }
    }

    deinit {
        close(descriptor)
    }

    func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { memory in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: memory[sent...])
                return unsafe Glibc.send(descriptor, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL))
            }
            if count < 0 { throw ClientError("send: \(unsafe String(cString: strerror(errno)))") }
            sent += count
        }
    }

    /// Sends a request without a body.
    func request(_ method: String, _ target: String, headers: [String] = []) throws {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: test"] + headers
        try send(lines.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    /// Sends a GET request and reads its answer.
    func get(_ target: String) throws -> Answer {
        try request("GET", target)
        return try answer()
    }

    /// Reads the head of the next answer.
    func head() throws -> Answer {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let place = unread.firstRange(of: end) {
                let answer = try Answer(head: String(decoding: unread[..<place.lowerBound], as: UTF8.self))
                unread.removeSubrange(..<place.upperBound)
                return answer
            }
            try receive()
        }
    }

    /// Reads the next answer; `withBody` is false after HEAD.
    func answer(withBody: Bool = true) throws -> Answer {
        var answer = try head()
        if withBody { answer.body = try body(of: answer) }
        return answer
    }

    /// Reads the body that follows a head.
    func body(of answer: Answer) throws -> [UInt8] {
        let length = try answer.contentLength
        while unread.count < length { try receive() }
        let body = Array(unread.prefix(length))
        unread.removeFirst(length)
        return body
    }

    /// Takes some bytes, at most so many.
    func take(_ count: Int) throws -> [UInt8] {
        if unread.isEmpty { try receive(atMost: count) }
        defer { unread.removeFirst(min(count, unread.count)) }
        return Array(unread.prefix(count))
    }

    /// What comes until the server closes the connection.
    func rest() throws -> String {
        do {
            while true { try receive() }
        } catch is EndOfStream {
            defer { unread = [] }
            return String(decoding: unread, as: UTF8.self)
        }
    }

    /// Says that nothing more will be sent, and can still read.
    func finishSending() {
        shutdown(descriptor, CInt(SHUT_WR))
    }

    /// Waits until the server closes the connection; false where it sends something first.
    func isClosedByServer() -> Bool {
        guard unread.isEmpty else { return false }
        do {
            try receive()
            return false
        } catch {
            return error is EndOfStream
        }
    }

    /// Whether something comes within so many milliseconds.
    func hears(withinMilliseconds limit: CInt) -> Bool {
        var descriptors = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&descriptors, 1, limit) > 0
    }

    private func receive(atMost limit: Int = 64 * 1024) throws {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
        // A server that has not read all that was sent to it closes with a reset.
        if count == 0 || count < 0 && errno == ECONNRESET { throw EndOfStream() }
        if count < 0 { throw ClientError("recv: \(unsafe String(cString: strerror(errno)))") }
        unread += buffer[..<count]
    }

    struct EndOfStream: Error {}
}

struct ClientError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
