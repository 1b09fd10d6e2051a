import CLinux
import Glibc
package import Model
import System

/// The socket table as sock_diag dumps it: at a quarter of the cost of procfs, with a cookie that
/// identifies each socket. It needs no privilege.
///
/// One socket and one buffer are kept. The buffer's size never changes: the kernel cuts the
/// datagrams of a socket by the largest one that it was ever asked for.
package struct SockDiagTable: SocketTableSource, ~Copyable {
    private let socket: NetlinkSocket
    private var buffer = [UInt8](repeating: 0, count: 32 * 1024)
    private var sequence: UInt32 = 0
    /// How long the next readings may take.
    package var patience = Patience.unlimited

    /// Opens the way to the kernel.
    package init() throws(ReadError) {
        socket = try NetlinkSocket(.sockDiag)
    }

    /// LISTEN sockets lie in a table of their own, which costs 50 µs whatever the other one holds.
    package mutating func listeners() throws(ReadError) -> [SocketRow] {
        var sink = KeptRows()
        _ = try dump([.listen], into: &sink)
        return sink.rows
    }

    /// The sockets that are bound and neither listen nor are connected. The kernel finds them by
    /// the table of bound ports, which costs up to 100 ms.
    package mutating func boundSockets() throws(ReadError) -> [SocketRow] {
        var sink = KeptRows()
        _ = try dump([.boundInactive], into: &sink)
        // The kernel calls their state CLOSE.
        return sink.rows.map { row in
            var row = row
            row.state = .boundInactive
            return row
        }
    }

    package mutating func read<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) -> Int {
        // The kernel answers NEW_SYN_RECV where SYN_RECV is asked for.
        let others = TCPState.allCases.filter { ![.listen, .newSynRecv, .boundInactive].contains($0) }
        return try dump([.listen], into: &sink) + dump(others, into: &sink)
    }

    /// Every socket that a program may own, in one walk: all states but TIME_WAIT, which the kernel
    /// passes over.
    package mutating func ownedSockets() throws(ReadError) -> [OwnedSocket] {
        var sockets: [OwnedSocket] = []
        let states = TCPState.allCases.filter { ![.timeWait, .newSynRecv].contains($0) }
        _ = try dump(states) { (parser, bytes) throws(NetlinkFailure) in
            try parser.parse(bytes, appendingTo: &sockets)
        }
        return sockets
    }

    private mutating func dump<Sink: RowSink & ~Copyable>(
        _ states: [TCPState],
        into sink: inout Sink
    ) throws(ReadError) -> Int {
        try dump(states) { (parser, bytes) throws(NetlinkFailure) in
            try parser.parse(bytes, readAt: Clock.now, into: &sink)
        }
    }

    /// Asks for the sockets in some states, and gives the datagrams of the answer to `parse` until
    /// that says that the dump has ended.
    ///
    /// - Returns: the number of messages that did not parse.
    private mutating func dump(
        _ states: [TCPState],
        _ parse: (inout SockDiagParser, Span<UInt8>) throws(NetlinkFailure) -> Bool
    ) throws(ReadError) -> Int {
        sequence &+= 1
        try socket.send(Self.dumpRequest(states, sequence))
        var parser = SockDiagParser(sequence: sequence)
        while true {
            let count = try socket.receive(into: &buffer, patience)
            try patience.check(socket.name)
            do throws(NetlinkFailure) {
                if try parse(&parser, buffer.span.extracting(0..<count)) { return parser.malformedRows }
            } catch {
                throw ReadError(error, of: .sockDiag)
            }
        }
    }

    /// The request for a dump of both families in one walk: TCPDIAG_GETSOCK, the older of the two;
    /// the newer one takes one family at a time.
    ///
    /// - Parameter port: the local port of the sockets; 0 for all.
    static func dumpRequest(_ states: [TCPState], _ sequence: UInt32, port: Port = 0) -> [UInt8] {
        var request = NetlinkRequest(TCPDIAG_GETSOCK, flags: NLM_F_DUMP, sequence: sequence)
        // struct inet_diag_req: a family, which does not matter, no prefixes, no extensions, of a
        // socket the local port alone, the states.
        request.append(UInt8(AF_INET))
        request.appendZeros(3)
        request.append(bigEndian: port)
        request.appendZeros(MemoryLayout<inet_diag_sockid>.size - MemoryLayout<Port>.size)
        request.append(states.reduce(UInt32(0)) { $0 | 1 << UInt32($1.rawValue) })
        request.append(UInt32(0))
        return request.finished()
    }

    /// Asks the kernel whether a live connection uses TCP timestamps: without them no TIME_WAIT of
    /// its kind is reused.
    ///
    /// - Returns: nil where there is no such connection any more.
    package mutating func usesTimestamps(_ connection: ConnectionIdentity) throws(ReadError) -> Bool? {
        if connection.localAddress.isIPv4, let answer = try ask(connection, AF_INET) { return answer }
        // A connection over IPv4 of an IPv6 socket is found by its v4-mapped addresses.
        return try ask(connection, AF_INET6)
    }

    private mutating func ask(_ connection: ConnectionIdentity, _ family: Int32) throws(ReadError) -> Bool? {
        sequence &+= 1
        try socket.send(connection.request(family, sequence))
        var answer = NetlinkAnswer(to: sequence)
        while true {
            let count = try socket.receive(into: &buffer, patience)
            var found: Bool?
            var position = 0
            do throws(NetlinkFailure) {
                while let (type, content) = try answer.next(in: buffer.span.extracting(0..<count), at: &position) {
                    guard type == Int32(SOCK_DIAG_BY_FAMILY) else { continue }
                    found = SockDiagMessage.usesTimestamps(buffer.span, content)
                }
            } catch {
                if case .refused(errno: ENOENT) = error { return nil }
                throw ReadError(error, of: .sockDiag)
            }
            if let found { return found }
        }
    }
}

/// Which socket is meant: its two ends, its interface and its cookie.
package struct ConnectionIdentity: Sendable {
    let localAddress: IPAddress
    let localPort: Port
    let remoteAddress: IPAddress
    let remotePort: Port
    let device: UInt32
    let cookie: UInt64

    /// The socket of a row.
    package init(
        localAddress: IPAddress,
        localPort: Port,
        remoteAddress: IPAddress,
        remotePort: Port,
        device: UInt32,
        cookie: UInt64
    ) {
        self.localAddress = localAddress
        self.localPort = localPort
        self.remoteAddress = remoteAddress
        self.remotePort = remotePort
        self.device = device
        self.cookie = cookie
    }

    /// The request for this one socket and its `struct tcp_info`, or to end it.
    func request(
        _ family: Int32,
        _ sequence: UInt32,
        type: Int32 = Int32(SOCK_DIAG_BY_FAMILY),
        flags: Int32 = 0
    ) -> [UInt8] {
        var request = NetlinkRequest(type, flags: flags, sequence: sequence)
        // struct inet_diag_req_v2: a family, a protocol, extensions, all states, and the socket.
        request.append(UInt8(family))
        request.append(UInt8(IPPROTO_TCP))
        request.append(UInt8(1 << (INET_DIAG_INFO - 1)))
        request.append(UInt8(0))
        request.append(UInt32.max)
        request.append(bigEndian: localPort)
        request.append(bigEndian: remotePort)
        for address in [localAddress, remoteAddress] {
            if family == AF_INET {
                request.append(bigEndian: address.v4 ?? 0)
                request.appendZeros(12)
            } else {
                request.append(bigEndian: address.high)
                request.append(bigEndian: address.low)
            }
        }
        request.append(device)
        request.append(UInt32(truncatingIfNeeded: cookie))
        request.append(UInt32(truncatingIfNeeded: cookie >> 32))
        return request.finished()
    }
}
