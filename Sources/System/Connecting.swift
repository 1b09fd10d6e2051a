import CLinux
import Glibc

/// Outgoing connections that do not block, by their descriptors, and how they end.
extension Sockets {
    /// Begins to connect. The descriptor becomes writable when the attempt has succeeded or failed;
    /// `failure(of:)` says which.
    ///
    /// - Parameter source: the port to connect from, with SO_REUSEADDR; nil for one of the kernel's
    ///   choice.
    /// - Returns: the descriptor, which the caller closes.
    package static func connecting(
        to address: SocketAddress,
        from source: UInt16? = nil
    ) throws(SystemError) -> CInt {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let descriptor = try syscall("socket", on: address.text) { socket(address.family, type, 0) }
        do throws(SystemError) {
            if let source {
                try allowReuse(of: descriptor)
                let any = SocketAddress.any(of: address.family, port: source)
                try syscall("bind", on: ":\(source)") { unsafe any.withPointer { unsafe bind(descriptor, $0, $1) } }
            }
            let result = unsafe address.withPointer { unsafe Glibc.connect(descriptor, $0, $1) }
            if result != 0, errno != EINPROGRESS {
                throw SystemError(call: "connect", path: address.text, errno: errno)
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Sets SO_REUSEADDR, so that a port can be bound to which connections in TIME_WAIT belong.
    package static func allowReuse(of socket: CInt) throws(SystemError) {
        try set(SO_REUSEADDR, SOL_SOCKET, to: 1, of: socket)
    }

    /// The errno of a connection that failed; nil where it did not.
    package static func failure(of socket: CInt) -> CInt? {
        option(SO_ERROR, SOL_SOCKET, of: socket).flatMap { $0 == 0 ? nil : $0 }
    }

    /// Has the kernel ask an idle peer whether it lives, each so many seconds, 1 or more.
    package static func keepAlive(_ socket: CInt, every seconds: Int) {
        let seconds = CInt(clamping: seconds)
        // A kernel without one of these asks less often.
        try? set(SO_KEEPALIVE, SOL_SOCKET, to: 1, of: socket)
        try? set(TCP_KEEPIDLE, CInt(IPPROTO_TCP), to: seconds, of: socket)
        try? set(TCP_KEEPINTVL, CInt(IPPROTO_TCP), to: seconds, of: socket)
    }

    /// Lets a connection that this end closes first leave no TIME_WAIT: once the peer has
    /// acknowledged the FIN, the kernel forgets the connection, and answers the peer's FIN with a
    /// reset (tcp_close(), net/ipv4/tcp.c). For connections on which all was read.
    package static func leaveNoTimeWait(_ socket: CInt) {
        try? set(TCP_LINGER2, CInt(IPPROTO_TCP), to: -1, of: socket)
    }

    /// Takes a socket away from a library that holds its descriptor, without a word to the peer:
    /// the library's descriptor is from now on a stream that has ended. A shutdown() in its place
    /// would send a FIN, and leave a TIME_WAIT whatever `leaveNoTimeWait()` says afterwards.
    ///
    /// - Returns: another descriptor of the socket, which the caller closes.
    package static func takeOver(_ descriptor: CInt) throws(SystemError) -> CInt {
        let (ended, other) = try pair()
        close(other)
        defer { close(ended) }
        let taken = try syscall("fcntl", on: "socket") { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }
        do throws(SystemError) {
            try syscall("dup3", on: "socket") { clinux_dup3(ended, descriptor) }
        } catch {
            close(taken)
            throw error
        }
        return taken
    }

    /// Sends a FIN. What the peer still sends can be read.
    package static func shutdownWriting(_ socket: CInt) { _ = Glibc.shutdown(socket, CInt(SHUT_WR)) }

    /// What was found behind the bytes that were read.
    package enum Drained: Equatable {
        /// The peer may send more.
        case open
        /// The peer has closed its side.
        case end
        /// The connection is lost, with this errno.
        case failed(CInt)
    }

    /// Reads and drops what is there.
    ///
    /// - Parameter limit: about how many bytes at most.
    package static func drain(_ socket: CInt, atMost limit: Int) -> Drained {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        let size = buffer.count
        var left = limit
        while left > 0 {
            // The kernel writes at most `size` bytes.
            let count = unsafe recv(socket, &buffer, size, CInt(MSG_DONTWAIT))
            if count == 0 { return .end }
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? .open : .failed(errno)
            }
            left -= count
        }
        return .open
    }

    /// How long ago the peer last acknowledged anything; nil where the connection is not
    /// established.
    package static func sinceLastAcknowledged(on socket: CInt) -> Duration? {
        var info = tcp_info()
        var length = socklen_t(MemoryLayout<tcp_info>.size)
        guard unsafe getsockopt(socket, CInt(IPPROTO_TCP), TCP_INFO, &info, &length) == 0,
            Int(info.tcpi_state) == TCP_ESTABLISHED
        else { return nil }
        return .milliseconds(Int(info.tcpi_last_ack_recv))
    }

    /// The port of this end.
    package static func localPort(of socket: CInt) -> UInt16? { localAddress(of: socket)?.numbers?.port }
}
