import CLinux
import Glibc

/// A netlink socket: the border to the kernel. It belongs to the network namespace it was made in.
struct NetlinkSocket: ~Copyable {
    /// What can be asked over netlink, under the name that messages call it by in place of a path.
    enum Family: String {
        /// NETLINK_SOCK_DIAG: sockets.
        case sockDiag = "sock_diag"
        /// NETLINK_ROUTE: addresses and routes.
        case route = "rtnetlink"
    }

    private let descriptor: CInt
    private let family: Family

    /// What messages call it.
    var name: String { family.rawValue }

    /// Opens the socket.
    init(_ family: Family) throws(ReadError) {
        self.family = family
        let number = family == .sockDiag ? NETLINK_SOCK_DIAG : NETLINK_ROUTE
        descriptor = socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), number)
        if descriptor < 0 { throw ReadError(call: "socket", path: family.rawValue, errno: errno) }
        // A reading must not wait for ever for an answer that does not come.
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        // The kernel copies the value during the call.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    /// Has the kernel heed all of a dump's request, so that it filters routes by table (Linux 4.20; an older one gives
    /// all of them).
    func beStrict() {
        var isOn: CInt = 1
        // The kernel copies the value during the call. Where it does not know the option, nothing has changed.
        unsafe setsockopt(descriptor, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &isOn, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Sends a request to the kernel: the only one that such a socket can reach without a right, and the one it reaches
    /// without an address.
    func send(_ request: [UInt8]) throws(ReadError) {
        let count = unsafe request.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0) }
        if count != request.count { throw ReadError(call: "send", path: name, errno: errno) }
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
                throw .malformed(name, "a datagram of \(count) bytes, expected at most \(buffer.count)")
            }
            if count >= 0 { return count }
            if errno != EINTR { throw ReadError(call: "recv", path: name, errno: errno) }
        }
    }
}
