import Glibc

/// A TCP socket of the test's own. It is closed when it goes out of scope.
struct TestSocket: ~Copyable {
    let descriptor: CInt
    let isIPv6: Bool

    init(isIPv6: Bool = false) throws {
        self.isIPv6 = isIPv6
        let family = isIPv6 ? AF_INET6 : AF_INET
        descriptor = socket(family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        try check(descriptor, "socket")
    }

    private init(accepted descriptor: CInt, isIPv6: Bool) throws {
        (self.descriptor, self.isIPv6) = (descriptor, isIPv6)
        try check(descriptor, "accept")
    }

    deinit { close(descriptor) }

    /// A listener on loopback and a port of the kernel's choice.
    static func listening(isIPv6: Bool = false, _ options: [CInt] = []) throws -> TestSocket {
        let socket = try TestSocket(isIPv6: isIPv6)
        for option in options { try socket.set(option) }
        try socket.bind()
        try check(listen(socket.descriptor, 8), "listen")
        return socket
    }

    /// Sets an option to 1.
    func set(_ option: CInt, _ level: CInt = SOL_SOCKET) throws {
        var one: CInt = 1
        let size = socklen_t(MemoryLayout<CInt>.size)
        try check(unsafe setsockopt(descriptor, level, option, &one, size), "setsockopt")
    }

    /// Binds to loopback, and port 0.
    func bind() throws { try unsafe check(withLoopback(port: 0) { unsafe Glibc.bind(descriptor, $0, $1) }, "bind") }

    /// Connects to a port of loopback.
    func connect(to port: UInt16) throws {
        try unsafe check(withLoopback(port: port) { unsafe Glibc.connect(descriptor, $0, $1) }, "connect")
    }

    /// Takes a connection.
    func accepted() throws -> TestSocket {
        try TestSocket(accepted: accept(descriptor, nil, nil), isIPv6: isIPv6)
    }

    /// Sends a byte.
    func send(_ byte: UInt8) throws {
        var byte = byte
        try check(CInt(unsafe Glibc.send(descriptor, &byte, 1, CInt(MSG_NOSIGNAL))), "send")
    }

    /// Receives a byte.
    func receive() throws -> UInt8 {
        var byte: UInt8 = 0
        try check(CInt(unsafe recv(descriptor, &byte, 1, 0)), "recv")
        return byte
    }

    /// The local port.
    var port: UInt16 {
        get throws {
            // The port lies at the same place in both families.
            var address = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getsockname(descriptor, $0, &size)
                }
            }
            try check(result, "getsockname")
            return unsafe withUnsafeBytes(of: &address) { unsafe $0.load(fromByteOffset: 2, as: UInt16.self).bigEndian }
        }
    }

    /// The inode.
    var inode: UInt64 {
        get throws {
            var status = stat()
            try check(unsafe fstat(descriptor, &status), "fstat")
            return UInt64(status.st_ino)
        }
    }

    private func withLoopback(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = in6addr_loopback
            return unsafe withUnsafePointer(to: address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A system call that failed.
struct CallFailed: Error {
    let call: String
    let errno: CInt
}

private func check(_ result: CInt, _ call: String) throws {
    if result < 0 { throw CallFailed(call: call, errno: errno) }
}

/// A child that sleeps, with one descriptor of the test's at its number 9. It is killed when it
/// goes out of scope.
struct SleepingChild: ~Copyable {
    let process: pid_t

    init(holding socket: borrowing TestSocket) throws {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, socket.descriptor, 9)
        let command = ["sleep", "60"]
        var arguments = unsafe command.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var process: pid_t = 0
        let failure = unsafe posix_spawnp(&process, "sleep", &actions, nil, &arguments, environ)
        guard failure == 0 else { throw CallFailed(call: "posix_spawnp", errno: failure) }
        self.process = process
    }

    deinit {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
    }
}
