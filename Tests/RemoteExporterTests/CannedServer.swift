import Foundation
import Glibc

/// A program that is no exporter: to whatever it is sent it says the same, and ends the connection.
final class CannedServer: Sendable {
    let port: Int
    private let descriptor: CInt

    /// - Parameter answer: nil to say nothing, and to leave the connection open.
    init(_ answer: String?) throws {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = unsafe withUnsafeMutablePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, length) + listen(descriptor, 8)
                    + getsockname(descriptor, address, &length)
            }
        }
        guard code == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EINVAL) }
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { Self.serve(descriptor, answer) }
    }

    deinit {
        // Ends the accept() of the thread.
        shutdown(descriptor, CInt(SHUT_RDWR))
    }

    private static func serve(_ descriptor: CInt, _ answer: String?) {
        defer { close(descriptor) }
        var open: [CInt] = []
        defer { for client in open { close(client) } }
        while true {
            let client = accept(descriptor, nil, nil)
            guard client >= 0 else { return }
            guard let answer else {
                open.append(client)
                continue
            }
            var request = [UInt8](repeating: 0, count: 4096)
            unsafe recv(client, &request, request.count, 0)
            var rest = Array(answer.utf8)[...]
            while !rest.isEmpty {
                let count = unsafe rest.withUnsafeBytes {
                    unsafe send(client, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                }
                guard count > 0 else { break }
                rest = rest.dropFirst(count)
            }
            close(client)
        }
    }
}
