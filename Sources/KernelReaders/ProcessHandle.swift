import CLinux
import Glibc
package import Model

/// A process by a handle (pidfd_open(2)) that a later process of the same number does not take
/// over: the border to the kernel. Closed when it goes out of scope.
///
/// For a moment it makes a descriptor of the process ours as well (pidfd_getfd(2)), which takes the
/// right to trace it (PTRACE_MODE_ATTACH). The process notices nothing of that: closing a copy
/// leaves the connection and the listener alone. But as long as a copy is open the socket is, even
/// if its process ends; so none is kept.
package struct ProcessHandle: ~Copyable {
    private let descriptor: CInt
    private let process: Int32

    /// The handle of the process with a number in our PID namespace.
    package init(_ process: Int32) throws(ReadError) {
        self.process = process
        descriptor = clinux_pidfd_open(process)
        if descriptor < 0 { throw ReadError(call: "pidfd_open", path: "process \(process)", errno: errno) }
    }

    deinit {
        close(descriptor)
    }

    /// The number of this process.
    static var own: Int32 { getpid() }

    /// The CPU time that a process and its threads have had, in nanoseconds; nil where there is none any more.
    static func processorTime(of process: Int32) -> UInt64? {
        var time = timespec()
        // MAKE_PROCESS_CPUCLOCK(), include/linux/posix-timers_types.h, of CPUCLOCK_SCHED. The kernel fills the struct.
        guard unsafe clock_gettime(~process << 3 | 2, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Both ends of the process' TCP or UDP socket with an inode; nil where it has none, or where another file is there by
    /// now.
    ///
    /// - Parameter number: the descriptor that the socket was seen at.
    func ends(
        ofSocket inode: UInt64,
        at number: Int32
    ) -> (local: (address: IPAddress, port: Port), remote: (address: IPAddress, port: Port))? {
        let copy = clinux_pidfd_getfd(descriptor, number)
        if copy < 0 { return nil }
        defer { close(copy) }
        guard Self.inode(of: copy) == inode, let remote = unsafe Self.end(of: copy, getpeername),
            let local = unsafe Self.end(of: copy, getsockname)
        else { return nil }
        return (local, remote)
    }

    /// An end of a socket, by getpeername(2) or getsockname(2).
    private static func end(
        of socket: CInt,
        _ call: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> (address: IPAddress, port: Port)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let bytes = unsafe withUnsafeMutableBytes(of: &storage) { memory -> [UInt8]? in
            // The kernel writes at most `size` bytes, all of them of `storage`.
            guard let start = unsafe memory.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                unsafe call(socket, start, &size) == 0
            else { return nil }
            return unsafe Array(memory)
        }
        guard let bytes else { return nil }
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        let port = Port(number(2..<4))
        switch CInt(storage.ss_family) {
        case AF_INET: return (IPAddress(v4: UInt32(number(4..<8))), port)
        case AF_INET6: return (IPAddress(high: number(8..<16), low: number(16..<24)), port)
        default: return nil
        }
    }

    /// The inode of a descriptor of ours; nil where it is no socket.
    private static func inode(of descriptor: CInt) -> UInt64? {
        var status = stat()
        // The kernel fills the struct during the call.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        return UInt64(status.st_ino)
    }

    /// What is set on the process' socket with an inode.
    ///
    /// - Parameter number: the descriptor that the socket was seen at.
    /// - Returns: nil where another file is there by now.
    package func options(ofSocket inode: UInt64, at number: Int32) throws(ReadError) -> SocketOptions? {
        let copy = clinux_pidfd_getfd(descriptor, number)
        if copy < 0 { throw failure("pidfd_getfd", number, errno) }
        defer { close(copy) }
        guard Self.inode(of: copy) == inode,
            let reusesAddress = Self.isSet(SO_REUSEADDR, SOL_SOCKET, of: copy),
            let reusesPort = Self.isSet(SO_REUSEPORT, SOL_SOCKET, of: copy)
        else { return nil }
        return SocketOptions(
            reusesAddress: reusesAddress,
            reusesPort: reusesPort,
            // IPv6 sockets have it too, on this level.
            bindsWithoutPort: Self.isSet(IP_BIND_ADDRESS_NO_PORT, CInt(IPPROTO_IP), of: copy)
        )
    }

    /// Whether an option is set; nil where the kernel does not tell.
    private static func isSet(_ option: CInt, _ level: CInt, of socket: CInt) -> Bool? {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        // The kernel writes a number of this size during the call.
        return unsafe getsockopt(socket, level, option, &value, &size) == 0 ? value != 0 : nil
    }

    /// The failure of a call on a descriptor of the process.
    private func failure(_ call: String, _ number: Int32, _ errno: CInt) -> ReadError {
        // EBADF: it was closed meanwhile.
        ReadError(call: call, path: "process \(process), descriptor \(number)", errno: errno == EBADF ? ENOENT : errno)
    }
}
