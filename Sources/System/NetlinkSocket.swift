import CLinux
import Glibc

/// A netlink socket. It belongs to the network namespace it was made in.
package struct NetlinkSocket: ~Copyable {
    /// A netlink family, with its name in messages, where files have a path.
    package enum Family: String {
        /// NETLINK_SOCK_DIAG: sockets.
        case sockDiag = "sock_diag"
        /// NETLINK_ROUTE: addresses and routes.
        case route = "rtnetlink"
    }

    private let descriptor: CInt
    private let family: Family

    package var name: String { family.rawValue }

    package init(open family: Family) throws(SystemError) {
        self.family = family
        let number = family == .sockDiag ? NETLINK_SOCK_DIAG : NETLINK_ROUTE
        descriptor = try syscall("socket", on: family.rawValue) {
            socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), number)
        }
        var wait = timeval(tv_sec: 0, tv_usec: 200_000)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    /// Turns on strict checking, so that the kernel filters routes by table (Linux 4.20; an older
    /// one dumps all).
    package func beStrict() {
        // Where the kernel does not know the option, nothing has changed.
        try? Sockets.set(NETLINK_GET_STRICT_CHK, SOL_NETLINK, to: 1, of: descriptor)
    }

    /// Sends a request to the kernel: the only peer that such a socket reaches without privilege or
    /// address.
    package func request(_ bytes: [UInt8]) throws(SystemError) {
        let count = try syscall("send", on: name) {
            unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0) }
        }
        if count != bytes.count { throw SystemError(call: "send", path: name, errno: EMSGSIZE) }
    }

    /// Receives one datagram. Fails with EAGAIN where none has come for 0.2 seconds.
    ///
    /// - Returns: its size, more than the buffer's where it did not fit.
    package func fill(_ buffer: inout [UInt8]) throws(SystemError) -> Int {
        try syscall("recv", on: name) {
            unsafe buffer.withUnsafeMutableBytes { memory in
                // MSG_TRUNC makes the kernel return the datagram's size, whatever the buffer's.
                unsafe recv(descriptor, memory.baseAddress, memory.count, CInt(MSG_TRUNC))
            }
        }
    }
}

package enum NetworkInterface {
    /// The name of the interface with an index in this namespace; nil where there is none (any
    /// more).
    package static func name(of index: UInt32) -> String? {
        var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
        // The buffer is as long as the call asks for.
        guard unsafe if_indextoname(index, &name) != nil else { return nil }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
