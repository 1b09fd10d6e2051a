import Glibc

/// A socket that listens. Closed when it goes out of scope.
struct ListenSocket: ~Copyable {
    private let descriptor: CInt
    /// Whether another process made it, and may listen on it too.
    let isInherited: Bool

    /// Binds and listens.
    init(_ address: ListenAddress) throws(EndpointError) {
        var refused: CInt = 0
        for candidate in try Self.candidates(for: address) {
            do throws(Refusal) {
                self = try Self.open(at: candidate)
                return
            } catch {
                refused = error.errno
                // Only a host without IPv6 is a reason to try the next.
                guard refused == EAFNOSUPPORT || refused == EADDRNOTAVAIL else { break }
            }
        }
        throw .cannotListen(address: address.description, errno: refused)
    }

    /// Takes over a descriptor.
    init(adopting descriptor: CInt) {
        self.descriptor = descriptor
        isInherited = false
    }

    /// Takes over a socket that was passed to this process and listens.
    init(inherited descriptor: CInt) throws(EndpointError) {
        var isListening: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        let code = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &length)
        guard code == 0, isListening != 0 else { throw .notListening(descriptor: descriptor) }
        // Neither may be set where it comes from: no child of ours needs it, and accept() must not block.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        self.descriptor = descriptor
        isInherited = true
    }

    deinit {
        close(descriptor)
    }

    /// Gives the descriptor away: somebody else closes it.
    consuming func release() -> CInt {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    /// The address and the port really bound.
    var boundAddress: String {
        SocketAddress(boundTo: descriptor)?.text ?? ""
    }

    /// Connections that may wait for accept(); the kernel cuts it to net.core.somaxconn.
    private static let queueLength: CInt = 4096

    private struct Refusal: Error {
        let errno: CInt
    }

    /// What to bind for an address, in the order of trying.
    static func candidates(for address: ListenAddress) throws(EndpointError) -> [SocketAddress] {
        do throws(SocketAddress.NotFound) {
            switch address.host {
            case .every:
                return try SocketAddress.find(nil, port: address.port, family: AF_INET6)
                    + SocketAddress.find(nil, port: address.port, family: AF_INET)
            case .address(let text):
                return try SocketAddress.find(text, port: address.port, flags: AI_NUMERICHOST)
            case .name("localhost"):
                // Always this (RFC 6761, 6.3), on a host with neither /etc/hosts nor a name server too.
                return try SocketAddress.find("127.0.0.1", port: address.port, flags: AI_NUMERICHOST)
            case .name(let name):
                // One address, and IPv4 first, as the exporters written in Go do.
                let found = try SocketAddress.find(name, port: address.port)
                return Array((found.filter { $0.family == AF_INET } + found).prefix(1))
            }
        } catch {
            throw .cannotResolve(address: address.description, reason: error.reason)
        }
    }

    private static func open(at address: SocketAddress) throws(Refusal) -> ListenSocket {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let opened = Glibc.socket(address.family, type, 0)
        guard opened >= 0 else { throw Refusal(errno: errno) }
        let socket = ListenSocket(adopting: opened)
        // The TIME_WAITs that our last run left on the port must not hold up this one.
        try socket.set(SOL_SOCKET, SO_REUSEADDR, to: 1)
        if address.family == AF_INET6 {
            // [::] takes IPv4 clients too.
            try socket.set(CInt(IPPROTO_IPV6), IPV6_V6ONLY, to: 0)
        }
        guard address.bind(opened) == 0, listen(opened, Self.queueLength) == 0 else { throw Refusal(errno: errno) }
        return socket
    }

    private func set(_ level: CInt, _ option: CInt, to value: CInt) throws(Refusal) {
        var value = value
        let code = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
        guard code == 0 else { throw Refusal(errno: errno) }
    }
}
