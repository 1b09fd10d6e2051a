package import Glibc

/// An address of a socket in the kernel's form.
package struct SocketAddress: Sendable {
    /// A sockaddr_in, a sockaddr_in6, or a sockaddr_un where the socket was inherited.
    private let bytes: [UInt8]

    /// AF_INET, AF_INET6 or AF_UNIX.
    package var family: CInt {
        // Every address begins with its family; nil has none.
        unsafe withPointer { address, _ in unsafe CInt(address?.pointee.sa_family ?? 0) }
    }

    package static var ipv4: CInt { AF_INET }
    package static var ipv6: CInt { AF_INET6 }

    package struct NotFound: Error {
        package let reason: String

        package init(reason: String) { self.reason = reason }
    }

    /// The addresses of this host to listen on that a name, an address or nil (any address) stands
    /// for.
    package static func find(
        _ host: String?,
        port: UInt16,
        family: CInt = AF_UNSPEC,
        flags: CInt = 0
    ) throws(NotFound) -> [SocketAddress] {
        // All zeros: no pointer, and any kind of address.
        var wanted = unsafe addrinfo()
        unsafe wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV | flags
        unsafe wanted.ai_family = family
        unsafe wanted.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        // Where it gives 0, `first` is a list that lives until freeaddrinfo(), with the length of
        // each address.
        let code = unsafe getaddrinfo(host, String(port), &wanted, &first)
        guard code == 0 else {
            // A text that lives at least until the next call on this thread; it is copied at once.
            throw NotFound(reason: code == EAI_SYSTEM ? errnoText(errno) : unsafe String(cString: gai_strerror(code)))
        }
        defer { unsafe freeaddrinfo(first) }
        var found: [SocketAddress] = []
        var next = unsafe first
        while let entry = unsafe next?.pointee {
            let bytes = unsafe UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen))
            unsafe found.append(SocketAddress(bytes: Array(bytes)))
            unsafe next = entry.ai_next
        }
        return found
    }

    /// The address that a system call writes, such as getsockname(), and its result.
    static func writtenBy(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> (result: CInt, SocketAddress) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { storage in
            // A sockaddr_storage is made to be seen as any sockaddr; the kernel writes at most
            // `length` bytes.
            let result = unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, &length) }
            let bytes = unsafe UnsafeRawBufferPointer(start: storage, count: result < 0 ? 0 : Int(length))
            return unsafe (result, SocketAddress(bytes: Array(bytes)))
        }
    }

    /// The address alone, as in `127.0.0.1` and `fe80::1%eth0`. An IPv4 address within IPv6 is
    /// written as IPv4. Empty for another family than these.
    package var host: String {
        let host = parts.host
        return host.hasPrefix("::ffff:") && host.contains(".") ? String(host.dropFirst(7)) : host
    }

    /// What is counted as one client where it could have many addresses: an IPv4 address, or the
    /// /64 of an IPv6 address (the layouts of sockaddr_in and sockaddr_in6). Empty for another
    /// family.
    package var network: [UInt8] {
        switch family {
        case AF_INET: Array(bytes[4..<8])
        // The last four bytes are an IPv4 address where it lies within IPv6.
        case AF_INET6: Array(host.contains(":") ? bytes[8..<16] : bytes[20..<24])
        default: []
        }
    }

    /// The bytes of an IPv4 or IPv6 address in network order, and the port; nil for another family.
    package var numbers: (address: ArraySlice<UInt8>, port: UInt16)? {
        let port = UInt16(bytes.count < 4 ? 0 : Int(bytes[2]) << 8 | Int(bytes[3]))
        return switch family {
        case AF_INET: (bytes[4..<8], port)
        case AF_INET6: (bytes[8..<24], port)
        default: nil
        }
    }

    /// The index of the interface of a link-local IPv6 address (`sin6_scope_id`); 0 for others.
    package var zone: UInt32 {
        guard family == AF_INET6, bytes.count >= 28 else { return 0 }
        // A sockaddr_in6 ends with it, in the byte order of the machine.
        return unsafe bytes[24..<28].withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt32.self) }
    }

    /// Address and port as in `127.0.0.1:10057` and `[fe80::1%eth0]:10057`, or
    /// `unix:/run/exporter.sock`. An abstract unix socket begins with @.
    package var text: String {
        let (host, port) = parts
        guard family == AF_UNIX else { return family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
        let path = bytes.dropFirst(MemoryLayout<sa_family_t>.size)
        let name = path.first == 0 ? [UInt8(ascii: "@")] + path.dropFirst() : Array(path.prefix { $0 != 0 })
        return "unix:" + String(decoding: name, as: UTF8.self)
    }

    private var parts: (host: String, port: String) {
        guard family == AF_INET || family == AF_INET6 else { return ("", "") }
        var host = [UInt8](repeating: 0, count: Int(NI_MAXHOST))
        var port = [UInt8](repeating: 0, count: Int(NI_MAXSERV))
        let flags = NI_NUMERICHOST | NI_NUMERICSERV
        // Numbers need no look-up, and both buffers are large enough for any; it cannot fail.
        _ = unsafe withPointer { address, length in
            unsafe getnameinfo(address, length, &host, socklen_t(host.count), &port, socklen_t(port.count), flags)
        }
        return (
            String(decoding: host.prefix { $0 != 0 }, as: UTF8.self),
            String(decoding: port.prefix { $0 != 0 }, as: UTF8.self)
        )
    }

    /// Calls a function with the address in the kernel's form.
    package func withPointer<Result>(_ call: (UnsafePointer<sockaddr>?, socklen_t) -> Result) -> Result {
        unsafe bytes.withUnsafeBytes { memory in
            // The kernel and the resolver wrote a sockaddr there, and an array's memory is aligned
            // for it.
            unsafe call(memory.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(memory.count))
        }
    }

    /// Any address of a family and a port, to bind to.
    static func any(of family: CInt, port: UInt16) -> SocketAddress {
        var bytes = [UInt8](repeating: 0, count: family == AF_INET6 ? MemoryLayout<sockaddr_in6>.size : 16)
        // The bytes of two numbers, as sockaddr_in and sockaddr_in6 have them.
        unsafe withUnsafeBytes(of: sa_family_t(family)) { unsafe bytes.replaceSubrange(0..<2, with: $0) }
        unsafe withUnsafeBytes(of: port.bigEndian) { unsafe bytes.replaceSubrange(2..<4, with: $0) }
        return SocketAddress(bytes: bytes)
    }

    /// The address of a numeric text; nil for any other text.
    package static func numeric(_ host: String, port: UInt16) -> SocketAddress? {
        try? find(host, port: port, flags: AI_NUMERICHOST).first
    }

    /// Whether a text is an address of AF_INET or AF_INET6.
    package static func isAddress(_ text: String, of family: CInt) -> Bool {
        // Room for either family; what is written there is not looked at.
        var address = in6_addr()
        return unsafe inet_pton(family, text, &address) == 1
    }

    /// The text of an address of 4 or 16 bytes; nil for another number of bytes.
    package static func text(ofAddress bytes: [UInt8]) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        // It reads the 4 or 16 bytes, and writes at most `text.count` with a NUL at the end.
        return unsafe inet_ntop(family, bytes, &text, socklen_t(text.count)).map { unsafe String(cString: $0) }
    }
}
