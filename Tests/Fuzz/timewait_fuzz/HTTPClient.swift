import Endpoint
import Foundation
import Glibc

/// An endpoint, and one connection to it that is made anew when the endpoint has closed it.
/// libFuzzer calls on one thread.
final class HTTPClient: @unchecked Sendable {
    struct Answer: Equatable {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]
    }

    private let endpoint: Endpoint
    private let address: sockaddr_in
    private var descriptor: CInt = -1
    private var unread: [UInt8] = []

    init(_ page: Endpoint.Page, _ change: (inout Endpoint.Settings) throws -> Void = { _ in }) {
        do {
            var settings = Endpoint.Settings(
                sockets: .addresses([try ListenAddress("127.0.0.1:0")]),
                telemetryPath: try TelemetryPath("/metrics"),
                landingPage: Endpoint.Page(body: Array("landing".utf8), contentType: "text/plain"),
                maximumAge: .seconds(1_000_000)
            )
            try change(&settings)
            endpoint = try Endpoint(settings) { _ in }
        } catch {
            print("no endpoint: \(error)")
            exit(1)
        }
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        endpoint.publish(page, sampledAt: .seconds(now.tv_sec))
        let port = endpoint.boundAddresses[0].split(separator: ":").last.flatMap { UInt16($0) } ?? 0
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        self.address = address
    }

    /// Sends a GET request, and reads its answer.
    ///
    /// - Parameters:
    ///   - target: without white space and control characters.
    ///   - headers: lines without CR, LF and NUL.
    func get(_ target: [UInt8], headers: [[UInt8]] = []) -> Answer {
        let lineEnd = Array("\r\n".utf8)
        let request =
            Array("GET ".utf8) + target + Array(" HTTP/1.1\r\nHost: fuzz\r\n".utf8)
            + headers.flatMap { $0 + lineEnd } + lineEnd
        // A connection that the endpoint closed after the answer before may look open.
        for _ in 0..<3 {
            if descriptor < 0 { connect() }
            if send(request), let answer = receive() {
                if answer.headers["connection"]?.lowercased() == "close" { disconnect() }
                return answer
            }
            disconnect()
        }
        must(false, "the endpoint does not answer")
        return Answer(status: 0, headers: [:], body: [])
    }

    private func connect() {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        // Closed with a reset, so that hours of it leave no TIME_WAIT behind.
        var abort = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
        var one: CInt = 1
        unsafe setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
        let code = unsafe withUnsafePointer(to: address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc.connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        must(code == 0, "connect: errno \(errno)")
    }

    private func disconnect() {
        close(descriptor)
        descriptor = -1
        unread = []
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private func receive() -> Answer? {
        let end = Array("\r\n\r\n".utf8)
        var place = unread.firstRange(of: end)
        while place == nil {
            guard readMore() else { return nil }
            place = unread.firstRange(of: end)
        }
        guard let place else { return nil }
        let lines = String(decoding: unread[..<place.lowerBound], as: UTF8.self).split(separator: "\r\n")
        unread.removeSubrange(..<place.upperBound)
        let words = lines[0].split(separator: " ")
        must(words.count > 1 && words[0] == "HTTP/1.1", "a status line \(lines[0])")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let name = line.prefix { $0 != ":" }
            headers[name.lowercased()] = String(line.dropFirst(name.count + 1).drop { $0 == " " })
        }
        guard let length = headers["content-length"].flatMap({ Int($0) }) else {
            must(false, "an answer without Content-Length")
            return nil
        }
        while unread.count < length { guard readMore() else { return nil } }
        let body = Array(unread.prefix(length))
        unread.removeFirst(length)
        headers["date"] = nil
        return Answer(status: Int(words[1]) ?? 0, headers: headers, body: body)
    }

    private func readMore() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        var count = 0
        // libFuzzer has a timer, whose signal interrupts.
        repeat { count = unsafe recv(descriptor, &buffer, buffer.count, 0) } while count < 0 && errno == EINTR
        must(count >= 0 || errno == ECONNRESET, "recv: errno \(errno)")
        unread += buffer.prefix(max(count, 0))
        return count > 0
    }
}
