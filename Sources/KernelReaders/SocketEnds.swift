import CLinux
import Glibc
import Ports

/// The two ends of a connection, and the network namespace it is in.
struct SocketEnds {
    let localAddress: IPAddress
    let localPort: Port
    let remoteAddress: IPAddress
    let remotePort: Port
    /// SO_NETNS_COOKIE.
    let namespace: UInt64
}

extension ProcessHandle {
    /// The number of the network namespace that sockets of ours are made in (SO_NETNS_COOKIE, Linux 5.14); nil where the
    /// kernel does not tell.
    static var ownNetworkNamespace: UInt64? {
        let number = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return nil }
        defer { close(number) }
        return namespace(of: number)
    }

    /// The ends of the process' connection at a descriptor; nil where it is no connected TCP socket of IP.
    func ends(ofSocketAt number: Int32) throws(ReadError) -> SocketEnds? {
        try withCopy(of: number) { copy in
            guard Self.isTCP(copy), let remote = unsafe Self.address(of: copy, getpeername),
                let local = unsafe Self.address(of: copy, getsockname), let namespace = Self.namespace(of: copy)
            else { return nil }
            return SocketEnds(
                localAddress: local.address,
                localPort: local.port,
                remoteAddress: remote.address,
                remotePort: remote.port,
                namespace: namespace
            )
        }
    }

    private static func isTCP(_ socket: CInt) -> Bool {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        // The kernel writes a number of this size during the call.
        return unsafe getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &value, &size) == 0 && value == IPPROTO_TCP
    }

    private static func namespace(of socket: CInt) -> UInt64? {
        var value: UInt64 = 0
        var size = socklen_t(MemoryLayout<UInt64>.size)
        // The kernel writes a number of this size during the call.
        return unsafe getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &value, &size) == 0 ? value : nil
    }

    private static func address(
        of socket: CInt,
        _ call: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> (address: IPAddress, port: Port)? {
        var storage = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
        var size = socklen_t(storage.count)
        let result = unsafe storage.withUnsafeMutableBytes { bytes in
            // The memory is as large as any address, and aligned as an array's is: to 16 bytes.
            guard let base = bytes.baseAddress else { return CInt(-1) }
            return unsafe call(socket, base.assumingMemoryBound(to: sockaddr.self), &size)
        }
        guard result == 0, size >= 8 else { return nil }
        let bytes = storage.span
        let port = Port(truncatingIfNeeded: bytes.bigEndian32(at: 0))
        switch CInt(bytes.native16(at: 0)) {
        case AF_INET: return (IPAddress(v4: bytes.bigEndian32(at: 4)), port)
        case AF_INET6:
            let high = UInt64(bytes.bigEndian32(at: 8)) << 32 | UInt64(bytes.bigEndian32(at: 12))
            let low = UInt64(bytes.bigEndian32(at: 16)) << 32 | UInt64(bytes.bigEndian32(at: 20))
            return (IPAddress(high: high, low: low), port)
        default: return nil
        }
    }
}
