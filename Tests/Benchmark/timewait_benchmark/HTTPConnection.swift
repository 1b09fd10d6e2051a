import Foundation
import Glibc

/// A kept connection to a server on 127.0.0.1. It ends with an RST, so that it leaves no TIME_WAIT
/// to be counted.
final class HTTPConnection {
    private let descriptor: Int32
    private let port: UInt16
    private var received: [UInt8] = []

    /// Connects; an answer may take `seconds`.
    init(port: UInt16, patience seconds: Int = 20) throws {
        self.port = port
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: seconds, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var lingering = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw BenchmarkError("nobody listens on port \(port)") }
    }

    deinit { close(descriptor) }

    /// Gets a page; nil if the server has none to give now.
    func get(_ path: String) throws -> String? {
        let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        let flags = Int32(MSG_NOSIGNAL)
        let sent = unsafe request.withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, $0.count, flags) }
        guard sent == request.count else { throw BenchmarkError("port \(port) takes no request") }
        let status = try line()
        var length = 0
        var isChunked = false
        while case let header = try line().lowercased(), !header.isEmpty {
            if header.hasPrefix("content-length: ") { length = Int(header.dropFirst(16)) ?? 0 }
            if header == "transfer-encoding: chunked" { isChunked = true }
        }
        var body = try bytes(length)
        while isChunked {
            let count = Int(try line(), radix: 16) ?? 0
            body += try bytes(count)
            _ = try line()
            if count == 0 { break }
        }
        return status.contains(" 200 ") ? String(decoding: body, as: UTF8.self) : nil
    }

    private func line() throws -> String {
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                return line.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            try receive()
        }
    }

    private func bytes(_ count: Int) throws -> [UInt8] {
        while received.count < count { try receive() }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    private func receive() throws {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { throw BenchmarkError("port \(port) did not answer") }
        received += buffer[..<count]
    }
}
