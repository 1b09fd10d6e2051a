import CLinux
import Glibc

/// A netlink socket of NETLINK_SOCK_DIAG: the border to the kernel. It belongs to the network namespace it was made in.
struct NetlinkSocket: ~Copyable {
    private let descriptor: CInt

    /// What messages call it, in place of a path.
    static let name = "sock_diag"

    /// Opens the socket.
    init() throws(ReadError) {
        descriptor = socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), NETLINK_SOCK_DIAG)
        if descriptor < 0 { throw ReadError(call: "socket", path: Self.name, errno: errno) }
        // A reading must not wait for ever for an answer that does not come.
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        // The kernel copies the value during the call.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    /// Sends a request to the kernel: the only one that such a socket can reach without a right, and the one it reaches
    /// without an address.
    func send(_ request: [UInt8]) throws(ReadError) {
        let count = unsafe request.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0) }
        if count != request.count { throw ReadError(call: "send", path: Self.name, errno: errno) }
    }

    /// Receives one datagram whole.
    ///
    /// - Returns: its size.
    func receive(into buffer: inout [UInt8]) throws(ReadError) -> Int {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { memory in
                // MSG_TRUNC makes the kernel give the datagram's size, which tells whether the buffer held it.
                unsafe recv(descriptor, memory.baseAddress, memory.count, CInt(MSG_TRUNC))
            }
            if count > buffer.count {
                throw .malformed(Self.name, "a datagram of \(count) bytes, expected at most \(buffer.count)")
            }
            if count >= 0 { return count }
            if errno != EINTR { throw ReadError(call: "recv", path: Self.name, errno: errno) }
        }
    }
}
