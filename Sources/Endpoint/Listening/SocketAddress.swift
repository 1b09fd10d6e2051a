import Glibc

/// An address of a socket in the kernel's form: mostly an IP address and a port.
struct SocketAddress {
    /// AF_INET, AF_INET6, or AF_UNIX where the socket was inherited.
    let family: CInt
    /// A sockaddr_in, a sockaddr_in6 or a sockaddr_un.
    private let bytes: [UInt8]

    /// The addresses of this host to listen on that a name, an address or nil (any address) stands for.
    ///
    /// - Throws: the resolver's reason, where there is no such address.
    static func find(
        _ host: String?,
        port: UInt16,
        family: CInt = AF_UNSPEC,
        flags: CInt = 0
    ) throws(NotFound) -> [SocketAddress] {
        var wanted = unsafe addrinfo(
            ai_flags: AI_PASSIVE | AI_NUMERICSERV | flags,
            ai_family: family,
            ai_socktype: CInt(SOCK_STREAM.rawValue),
            ai_protocol: 0,
            ai_addrlen: 0,
            ai_addr: nil,
            ai_canonname: nil,
            ai_next: nil
        )
        var first: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &wanted, &first)
        guard code == 0 else { throw NotFound(code: code) }
        defer { unsafe freeaddrinfo(first) }
        var found: [SocketAddress] = []
        var next = unsafe first
        while let entry = unsafe next {
            unsafe found.append(SocketAddress(copying: entry.pointee))
            unsafe next = entry.pointee.ai_next
        }
        return found
    }

    /// The resolver found no address.
    struct NotFound: Error {
        let reason: String

        init(code: CInt) {
            // A text that lives at least until the next call on this thread; it is copied at once.
            reason = code == EAI_SYSTEM ? errnoText(errno) : unsafe String(cString: gai_strerror(code))
        }
    }

    /// Copies an entry of the resolver's list.
    private init(copying entry: addrinfo) {
        family = unsafe entry.ai_family
        bytes = unsafe Array(UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen)))
    }

    /// The address that a system call writes, such as getsockname(), and its result.
    static func writtenBy(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> (result: CInt, SocketAddress) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { storage in
            // A sockaddr_storage is made to be seen as any sockaddr; the kernel writes at most `length` bytes.
            let result = unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, &length) }
            let count = result < 0 ? 0 : Int(length)
            let bytes = unsafe Array(UnsafeRawBufferPointer(start: storage, count: count))
            return unsafe (result, SocketAddress(family: CInt(storage.pointee.ss_family), bytes: bytes))
        }
    }

    private init(family: CInt, bytes: [UInt8]) {
        self.family = family
        self.bytes = bytes
    }

    /// bind(), with its result.
    func bind(_ descriptor: CInt) -> CInt {
        unsafe withPointer { unsafe Glibc.bind(descriptor, $0, $1) }
    }

    /// connect(), with its result.
    func connect(_ descriptor: CInt) -> CInt {
        unsafe withPointer { unsafe Glibc.connect(descriptor, $0, $1) }
    }

    /// The address alone, as in `127.0.0.1` and `fe80::1%eth0`. An IPv4 address within IPv6 is written as IPv4. Empty for
    /// another family than these.
    var host: String {
        guard family == AF_INET || family == AF_INET6 else { return "" }
        let mapped = "::ffff:"
        let host = parts.host
        return host.hasPrefix(mapped) && host.contains(".") ? String(host.dropFirst(mapped.count)) : host
    }

    /// Address and port as in `127.0.0.1:10057` and `[fe80::1%eth0]:10057`, or `unix:/run/exporter.sock`.
    var text: String {
        if family == AF_UNIX { return "unix:" + unixPath }
        let (host, port) = parts
        return family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// The path of a unix socket; an abstract one begins with @.
    private var unixPath: String {
        let path = bytes.dropFirst(MemoryLayout<sa_family_t>.size)
        let isAbstract = path.first == 0
        let name = isAbstract ? path.dropFirst() : path.prefix { $0 != 0 }
        return (isAbstract ? "@" : "") + String(decoding: name, as: UTF8.self)
    }

    private var parts: (host: String, port: String) {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        // Numbers need no look-up, and both buffers are large enough for any; it cannot fail.
        _ = unsafe withPointer { address, length in
            unsafe getnameinfo(
                address,
                length,
                &host,
                socklen_t(host.count),
                &port,
                socklen_t(port.count),
                NI_NUMERICHOST | NI_NUMERICSERV
            )
        }
        return (Self.text(host), Self.text(port))
    }

    /// What stands before the first zero.
    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Calls a function with the address in the kernel's form.
    func withPointer<Result>(_ call: (UnsafePointer<sockaddr>?, socklen_t) -> Result) -> Result {
        unsafe bytes.withUnsafeBytes { memory in
            // The kernel and the resolver wrote a sockaddr there, and an array's memory is aligned for it.
            unsafe call(memory.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(memory.count))
        }
    }
}
