import Glibc

/// A socket, or a copy of another process' descriptor. It is closed when it goes out of scope.
package struct Socket: ~Copyable {
    package let descriptor: CInt
    private let path: String

    init(owning descriptor: CInt, _ path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Makes a stream socket.
    package init(family: CInt) throws(SystemError) {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        path = "socket"
        descriptor = try syscall("socket", on: "socket") { socket(family, type, 0) }
    }

    deinit {
        close(descriptor)
    }

    /// The inode; nil where the descriptor is not a socket.
    package var inode: UInt64? {
        guard let status = try? FileStatus(of: descriptor, path), status.isSocket else { return nil }
        return status.identity.inode
    }

    package var localAddress: SocketAddress? { Sockets.localAddress(of: descriptor) }

    package var remoteAddress: SocketAddress? {
        let (result, address) = unsafe SocketAddress.writtenBy { unsafe getpeername(descriptor, $0, $1) }
        return result == 0 ? address : nil
    }

    /// Connects to an address, once.
    package func connect(to address: SocketAddress) throws(SystemError) {
        let result = unsafe address.withPointer { unsafe Glibc.connect(descriptor, $0, $1) }
        if result != 0 { throw SystemError(call: "connect", path: address.text, errno: errno) }
    }

    /// Lets no later call last beyond a time; less than a microsecond counts as one, since 0 means
    /// no limit.
    package func limitCalls(to time: Duration) {
        let (seconds, attoseconds) = max(time, .microseconds(1)).components
        var time = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// Sends bytes, without SIGPIPE.
    ///
    /// - Returns: whether the kernel took all of them.
    package func send(_ bytes: [UInt8]) -> Bool {
        unsafe Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count
    }

    /// Receives what is there, at most the bytes of the buffer.
    package func receive(into buffer: inout [UInt8]) throws(SystemError) -> Int {
        let size = buffer.count
        return try syscall("recv", on: path) { unsafe recv(descriptor, &buffer, size, 0) }
    }
}

/// Calls on sockets that others own, by their descriptors.
package enum Sockets {
    /// An option whose value is a number; nil where the kernel does not have it.
    package static func option(_ name: CInt, _ level: CInt, of socket: CInt) -> CInt? {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        return unsafe getsockopt(socket, level, name, &value, &size) == 0 ? value : nil
    }

    /// Sets an option whose value is a number.
    package static func set(_ name: CInt, _ level: CInt, to value: CInt, of socket: CInt) throws(SystemError) {
        var value = value
        try syscall("setsockopt", on: "socket") {
            unsafe setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
        }
    }

    /// A stream socket that listens on an address and does not block.
    ///
    /// - Returns: its descriptor, which the caller closes.
    package static func listening(on address: SocketAddress) throws(SystemError) -> CInt {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let descriptor = try syscall("socket", on: address.text) { socket(address.family, type, 0) }
        do throws(SystemError) {
            // The TIME_WAITs that our last run left on the port must not hold up this one.
            try set(SO_REUSEADDR, SOL_SOCKET, to: 1, of: descriptor)
            // [::] takes IPv4 clients too.
            if address.family == AF_INET6 { try set(IPV6_V6ONLY, CInt(IPPROTO_IPV6), to: 0, of: descriptor) }
            try syscall("bind", on: address.text) { unsafe address.withPointer { unsafe bind(descriptor, $0, $1) } }
            // The kernel cuts the length of the queue to net.core.somaxconn.
            try syscall("listen", on: address.text) { listen(descriptor, 4_096) }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Makes an inherited socket close on exec and not block.
    package static func adopt(_ descriptor: CInt) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    package static func accept(on listener: CInt) throws(SystemError) -> (descriptor: CInt, client: SocketAddress) {
        let (accepted, client) = unsafe SocketAddress.writtenBy { unsafe Glibc.accept(listener, $0, $1) }
        guard accepted >= 0 else { throw SystemError(call: "accept", path: "socket", errno: errno) }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        return (accepted, client)
    }

    /// - Throws: why this process cannot receive or send, such as a filter of system calls.
    package static func check() throws(SystemError) {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let unconnected = socket(AF_INET, type, 0)
        // A host may have IPv6 alone.
        guard unconnected >= 0 else { return }
        defer { close(unconnected) }
        // Each call fails on this socket, but not for the reasons of a filter. The message is
        // empty, and of `byte` one byte is received or sent.
        var byte: UInt8 = 0
        var message = unsafe msghdr()
        let calls: [(name: String, result: Int, errno: CInt)] = unsafe [
            ("recvfrom", Glibc.recv(unconnected, &byte, 1, CInt(MSG_DONTWAIT)), errno),
            ("sendto", Glibc.send(unconnected, &byte, 1, CInt(MSG_NOSIGNAL)), errno),
            ("sendmsg", Glibc.sendmsg(unconnected, &message, CInt(MSG_NOSIGNAL)), errno),
        ]
        for call in calls where call.result < 0 && [EPERM, EACCES, ENOSYS].contains(call.errno) {
            throw SystemError(call: call.name, path: "socket", errno: call.errno)
        }
    }

    package static func localAddress(of socket: CInt) -> SocketAddress? {
        let (result, address) = unsafe SocketAddress.writtenBy { unsafe getsockname(socket, $0, $1) }
        return result == 0 ? address : nil
    }

    package static func close(_ descriptor: CInt) { _ = Glibc.close(descriptor) }

    /// Two connected stream sockets that do not block. The caller closes both.
    package static func pair() throws(SystemError) -> (CInt, CInt) {
        var ends: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        try syscall("socketpair", on: "socket") { unsafe socketpair(AF_UNIX, type, 0, &ends) }
        return (ends[0], ends[1])
    }

    package static func shutdown(_ socket: CInt) { _ = Glibc.shutdown(socket, CInt(SHUT_RDWR)) }

    package static func shutdownReading(_ socket: CInt) { _ = Glibc.shutdown(socket, CInt(SHUT_RD)) }

    /// Closed with a reset, a connection leaves no TIME_WAIT.
    package static func resetAtClose(_ socket: CInt) {
        var atOnce = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(socket, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
    }

    /// What the next recv() would return at once: bytes, the end of the stream, or nothing yet.
    package enum Input {
        case bytes
        case end
        case nothing
    }

    package static func input(of socket: CInt) -> Input {
        var byte: UInt8 = 0
        return switch unsafe recv(socket, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) {
        case 1...: .bytes
        case 0: .end
        default: .nothing
        }
    }

    /// How long ago the last byte came, and how many segments are not acknowledged; for a socket
    /// that listens, how many connections wait (tcp_get_info(), net/ipv4/tcp.c). Nil for a socket
    /// that is not TCP.
    package static func tcpInformation(of socket: CInt) -> (sinceLastReceived: Duration, unacknowledged: Int)? {
        var info = tcp_info()
        var length = socklen_t(MemoryLayout<tcp_info>.size)
        guard unsafe getsockopt(socket, CInt(IPPROTO_TCP), TCP_INFO, &info, &length) == 0 else { return nil }
        return (.milliseconds(Int(info.tcpi_last_data_recv)), Int(info.tcpi_unacked))
    }

    /// How many bytes have come since the connection was made; the end of the stream counts as one.
    package static func bytesReceived(on socket: CInt) -> UInt64 {
        // glibc's tcp_info ends before tcpi_bytes_received, the seventeenth 8 bytes of the kernel's
        // (linux/tcp.h).
        var words = [UInt64](repeating: 0, count: 17)
        var length = socklen_t(words.count * MemoryLayout<UInt64>.size)
        let code = unsafe getsockopt(socket, CInt(IPPROTO_TCP), TCP_INFO, &words, &length)
        return code == 0 ? words[16] : 0
    }

    /// Sends a datagram to a Unix socket, where that is possible at once. A name that begins with @
    /// is abstract.
    package static func send(_ bytes: [UInt8], toUnixSocket name: String) {
        var address = sockaddr_un()
        var path = Array(name.utf8)
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        let descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { _ = Glibc.close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        // A sockaddr_un is made to be seen as a sockaddr.
        _ = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe sendto(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT), address, length)
            }
        }
    }
}
