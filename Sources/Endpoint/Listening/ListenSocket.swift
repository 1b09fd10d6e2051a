import Glibc

/// A socket that listens, until nobody holds it any more.
final class ListenSocket: Sendable {
    let descriptor: CInt
    /// Whether another process made it, and may listen on it too.
    private let isInherited: Bool

    init(_ address: ListenAddress) throws(EndpointError) {
        var refused: CInt = 0
        for candidate in try Self.candidates(for: address) {
            do throws(Refusal) {
                descriptor = try Self.open(at: candidate)
                isInherited = false
                return
            } catch {
                refused = error.errno
                // Only a host without IPv6 is a reason to try the next.
                guard refused == EAFNOSUPPORT || refused == EADDRNOTAVAIL else { break }
            }
        }
        throw .cannotListen(on: address, refused)
    }

    /// Takes over a socket that was passed to this process and listens.
    init(inherited descriptor: CInt) throws(EndpointError) {
        var isListening: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        let code = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &length)
        guard code == 0, isListening != 0 else {
            let advice = "expected one from ListenStream= of a socket unit"
            throw .cannotServe("file descriptor \(descriptor) is no stream socket that listens; \(advice)")
        }
        // Neither may be set where it comes from: no child of ours needs it, and accept() must not block.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        self.descriptor = descriptor
        isInherited = true
    }

    deinit { close(descriptor) }

    /// Refuses connections from now on; one that was inherited keeps them for the next process.
    func stopListening() {
        if !isInherited { shutdown(descriptor, CInt(SHUT_RDWR)) }
    }

    func accept() throws(Refusal) -> (descriptor: CInt, client: SocketAddress) {
        let (accepted, client) = unsafe SocketAddress.writtenBy { unsafe Glibc.accept(descriptor, $0, $1) }
        guard accepted >= 0 else { throw Refusal(errno: errno) }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        return (accepted, client)
    }

    var boundAddress: String {
        unsafe SocketAddress.writtenBy { unsafe getsockname(descriptor, $0, $1) }.1.text
    }

    struct Refusal: Error {
        let errno: CInt
    }

    /// What to bind for an address, in the order of trying.
    static func candidates(for address: ListenAddress) throws(EndpointError) -> [SocketAddress] {
        let port = address.port
        do throws(SocketAddress.NotFound) {
            switch address.host {
            case .every:
                return try SocketAddress.find(nil, port: port, family: AF_INET6)
                    + SocketAddress.find(nil, port: port, family: AF_INET)
            case .address(let text): return try SocketAddress.find(text, port: port, flags: AI_NUMERICHOST)
            case .name("localhost"):
                // Always this (RFC 6761, 6.3), on a host with neither /etc/hosts nor a name server too.
                return try SocketAddress.find("127.0.0.1", port: port, flags: AI_NUMERICHOST)
            case .name(let name):
                // One address, and IPv4 first, as the exporters written in Go do.
                let found = try SocketAddress.find(name, port: port)
                return Array((found.filter { $0.family == AF_INET } + found).prefix(1))
            }
        } catch {
            throw .cannotServe("cannot listen on \(address): \(error.reason)")
        }
    }

    private static func open(at address: SocketAddress) throws(Refusal) -> CInt {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(address.family, type, 0)
        guard socket >= 0 else { throw Refusal(errno: errno) }
        func set(_ level: CInt, _ option: CInt, _ value: CInt) -> Bool {
            var value = value
            return unsafe setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<CInt>.size)) == 0
        }
        // The TIME_WAITs that our last run left on the port must not hold up this one.
        guard set(SOL_SOCKET, SO_REUSEADDR, 1),
            // [::] takes IPv4 clients too.
            address.family != AF_INET6 || set(CInt(IPPROTO_IPV6), IPV6_V6ONLY, 0),
            unsafe address.withPointer({ unsafe bind(socket, $0, $1) }) == 0,
            // The kernel cuts the length of the queue to net.core.somaxconn.
            listen(socket, 4_096) == 0
        else {
            let refusal = Refusal(errno: errno)
            close(socket)
            throw refusal
        }
        return socket
    }
}
