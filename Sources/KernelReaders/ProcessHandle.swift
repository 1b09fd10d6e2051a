import CLinux
import Glibc
package import Ports

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

    /// What is set on the process' socket with an inode.
    ///
    /// - Parameter number: the descriptor that the socket was seen at.
    /// - Returns: nil where another file is there by now.
    package func options(ofSocket inode: UInt64, at number: Int32) throws(ReadError) -> SocketOptions? {
        try withCopy(of: number) { copy in
            var status = stat()
            // The kernel fills the struct during the call.
            guard unsafe fstat(copy, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK, UInt64(status.st_ino) == inode,
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
    }

    /// Calls a function with a copy of a descriptor of the process, and closes it at once.
    func withCopy<Value>(of number: Int32, _ body: (_ copy: CInt) -> Value) throws(ReadError) -> Value {
        let copy = clinux_pidfd_getfd(descriptor, number)
        if copy < 0 { throw failure("pidfd_getfd", number, errno) }
        defer { close(copy) }
        return body(copy)
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
