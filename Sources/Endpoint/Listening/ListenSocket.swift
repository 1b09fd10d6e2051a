import Glibc
import System

/// A socket that listens, until nobody holds it any more.
final class ListenSocket: Sendable {
    let descriptor: CInt
    /// Whether another process made it, and may listen on it too.
    private let isInherited: Bool

    init(_ address: ListenAddress) throws(EndpointError) {
        var refused: CInt = 0
        for candidate in try Self.candidates(for: address) {
            do throws(SystemError) {
                descriptor = try Sockets.listening(on: candidate)
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
        guard let isListening = Sockets.option(SO_ACCEPTCONN, SOL_SOCKET, of: descriptor), isListening != 0 else {
            let advice = "expected one from ListenStream= of a socket unit"
            throw .cannotServe("file descriptor \(descriptor) is no stream socket that listens; \(advice)")
        }
        // Neither may be set where it comes from: no child of ours needs it, and accept() must not block.
        Sockets.adopt(descriptor)
        self.descriptor = descriptor
        isInherited = true
    }

    deinit { Sockets.close(descriptor) }

    /// Refuses connections from now on; one that was inherited keeps them for the next process.
    func stopListening() {
        if !isInherited { Sockets.shutdown(descriptor) }
    }

    func accept() throws(SystemError) -> (descriptor: CInt, client: SocketAddress) {
        try Sockets.accept(on: descriptor)
    }

    var boundAddress: String { Sockets.localAddress(of: descriptor)?.text ?? "" }

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
}
