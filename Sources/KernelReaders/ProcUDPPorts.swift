package import Model
import System

extension ProcFilesystem {
    /// Reads the local ports of the namespace's UDP sockets from /proc/net/udp and, where the
    /// kernel has it, udp6; and the rows of those on some ports. A socket that is not connected is
    /// in state CLOSE there, others are ESTABLISHED.
    ///
    /// Not over sock_diag: to ask it for UDP makes the kernel load a module.
    ///
    /// - Parameters:
    ///   - watched: the ports whose rows are kept.
    ///   - patience: how long the reading may take.
    package func udpSockets(
        watching watched: PortSet,
        _ patience: Patience = .unlimited
    ) throws(ReadError) -> (ports: PortSet, rows: [SocketRow]) {
        var sockets = UDPSockets(watched: watched)
        try addUDPSockets(of: net("udp"), SocketTableRow(addressWidth: 8), patience, to: &sockets)
        _ = try readIPv6("udp6") { (path) throws(ReadError) in
            try addUDPSockets(of: path, SocketTableRow(addressWidth: 32), patience, to: &sockets)
        }
        return (sockets.ports, sockets.rows)
    }

    /// Reads piece by piece: a resolver has tens of thousands of sockets.
    private func addUDPSockets(
        of path: String,
        _ format: SocketTableRow,
        _ patience: Patience,
        to sockets: inout UDPSockets
    ) throws(ReadError) {
        var hasHeader = false
        try withLines(of: path, patience) { (lines) throws(ReadError) in
            try Self.addSockets(in: lines, path, format, &hasHeader, to: &sockets)
        }
        guard hasHeader else { throw .malformed(path, "is cut off") }
    }

    private static func addSockets(
        in bytes: Span<UInt8>,
        _ path: String,
        _ format: SocketTableRow,
        _ hasHeader: inout Bool,
        to sockets: inout UDPSockets
    ) throws(ReadError) {
        var position = 0
        while let line = bytes.line(at: &position) {
            guard hasHeader else {
                guard bytes.starts(with: SocketTableRow.header) || bytes.starts(with: " " + SocketTableRow.header)
                else {
                    throw .malformed(path, "does not start with the header of a socket table")
                }
                hasHeader = true
                continue
            }
            let port = try localPort(in: bytes, line, path)
            sockets.ports.insert(port)
            guard sockets.watched.contains(port) else { continue }
            guard case .row(let row, _) = format.read(bytes, at: line.lowerBound) else {
                throw .malformed(path, "'\(bytes.text(in: line))', expected a row of a socket table")
            }
            sockets.rows.append(row)
        }
    }

    /// The port in the second word of a row, `0100007F:0035` (udp4_format_sock(), net/ipv4/udp.c).
    private static func localPort(
        in bytes: Span<UInt8>,
        _ line: Range<Int>,
        _ path: String
    ) throws(ReadError) -> Port {
        var next = line.lowerBound
        if bytes.word(at: &next, before: line.upperBound) != nil,
            let address = bytes.word(at: &next, before: line.upperBound), address.count == 13 || address.count == 37,
            bytes[address.upperBound - 5] == UInt8(ascii: ":"),
            let port = bytes.hexadecimal16(at: address.upperBound - 4)
        {
            return port
        }
        throw .malformed(path, "'\(bytes.text(in: line))', expected an address and a port in its second word")
    }
}

/// The UDP sockets that have been read.
private struct UDPSockets {
    /// The ports of which rows are kept.
    let watched: PortSet
    var ports = PortSet()
    var rows: [SocketRow] = []
}
