import CLinux
import Glibc
package import Model
import System

/// The sockets of one port over sock_diag.
///
/// A dump walks the kernel's whole table, but passes over other ports there. Whether one socket is
/// still there costs some microseconds, whatever the table holds: the kernel finds it by its hash.
package struct PortSockets: ~Copyable {
    private let port: Port
    private let socket: NetlinkSocket
    private var buffer = [UInt8](repeating: 0, count: 32 * 1024)
    private var sequence: UInt32 = 0

    /// Opens the way to the kernel.
    package init(of port: Port) throws(ReadError) {
        self.port = port
        socket = try NetlinkSocket(.sockDiag)
    }

    /// Asks for the listeners alone, which lie in a small table of their own: whether the kernel
    /// answers at all.
    package mutating func probe() throws(ReadError) { _ = try dump([.listen]) }

    /// Every socket on the port, TIME_WAITs and sockets that are only bound included. Connection
    /// requests are left out: they hold no port.
    package mutating func read() throws(ReadError) -> [OwnedSocket] {
        try dump(TCPState.allCases.filter { $0 != .newSynRecv }).filter { $0.row.state != .newSynRecv }
    }

    /// Whether a socket of an earlier reading is still there, in whatever state: a TIME_WAIT keeps
    /// the cookie of its connection.
    package mutating func isThere(_ row: SocketRow) throws(ReadError) -> Bool {
        // Listeners, and sockets that are only bound, are in no hash by their two ends.
        if row.state == .listen || row.state == .boundInactive {
            return try dump([row.state]).contains { $0.row.cookie == row.cookie }
        }
        return try send(Int32(SOCK_DIAG_BY_FAMILY), row)
    }

    /// Ends a connection or a TIME_WAIT at once (SOCK_DESTROY), which takes CAP_NET_ADMIN.
    ///
    /// - Returns: false where it is gone already.
    package mutating func end(_ row: SocketRow) throws(ReadError) -> Bool {
        try send(SOCK_DESTROY, row)
    }

    private mutating func dump(_ states: [TCPState]) throws(ReadError) -> [OwnedSocket] {
        sequence &+= 1
        try socket.send(SockDiagTable.dumpRequest(states, sequence, port: port))
        var parser = SockDiagParser(sequence: sequence)
        var sockets: [OwnedSocket] = []
        while true {
            let count = try socket.receive(into: &buffer)
            do throws(NetlinkFailure) {
                if try parser.parse(buffer.span.extracting(0..<count), appendingTo: &sockets) {
                    // Of sockets that are only bound the kernel gives those of every port.
                    return sockets.filter { $0.row.localPort == port }
                }
            } catch {
                throw ReadError(error, of: .sockDiag)
            }
        }
    }

    /// Sends a request about one socket.
    ///
    /// - Returns: false where there is no such socket.
    private mutating func send(_ type: Int32, _ row: SocketRow) throws(ReadError) -> Bool {
        let connection = ConnectionIdentity(
            localAddress: row.localAddress,
            localPort: row.localPort,
            remoteAddress: row.remoteAddress,
            remotePort: row.remotePort,
            device: row.device,
            cookie: row.cookie
        )
        if row.isIPv4, try send(type, connection, AF_INET) { return true }
        // A connection over IPv4 of an IPv6 socket is found by its v4-mapped addresses.
        return try send(type, connection, AF_INET6)
    }

    private mutating func send(
        _ type: Int32,
        _ connection: ConnectionIdentity,
        _ family: Int32
    ) throws(ReadError) -> Bool {
        sequence &+= 1
        // A question is answered by the socket; what is ended, by an acknowledgement.
        let flags = type == SOCK_DESTROY ? NLM_F_ACK : 0
        try socket.send(connection.request(family, sequence, type: type, flags: flags))
        var answer = NetlinkAnswer(to: sequence)
        while true {
            let count = try socket.receive(into: &buffer)
            let bytes = buffer.span.extracting(0..<count)
            do throws(NetlinkFailure) {
                var position = 0
                while try answer.next(in: bytes, at: &position) != nil {}
            } catch {
                if case .refused(let errno) = error, [ENOENT, ESTALE].contains(errno) { return false }
                throw ReadError(error, of: .sockDiag)
            }
            // What is left of an earlier answer has another number.
            if count >= MemoryLayout<nlmsghdr>.size, bytes.native32(at: 8) == sequence { return true }
        }
    }
}
