import CLinux
package import Model

/// Turns the kernel's answer to one dump request into rows, datagram by datagram. A pure function of the bytes.
package struct SockDiagParser {
    private var answer: NetlinkAnswer
    private var repeated = RepeatedRows()
    /// Messages about sockets that were too short, or of an unknown family or state. They were skipped.
    package private(set) var malformedRows = 0

    /// A parser for the answer to the request with a sequence number.
    package init(sequence: UInt32) {
        answer = NetlinkAnswer(to: sequence)
    }

    /// Gives the rows of a datagram to the sink, each socket once.
    ///
    /// - Returns: whether the dump ended with it.
    package mutating func parse<Sink: RowSink & ~Copyable>(
        _ bytes: Span<UInt8>,
        readAt now: Instant,
        into sink: inout Sink
    ) throws(NetlinkFailure) -> Bool {
        var rows = RowBatch()
        defer { rows.flush(into: &sink, readAt: now) }
        return try self.rows(of: bytes) { row, _ in rows.append(copy row, into: &sink, readAt: now) }
    }

    /// Appends the sockets of a datagram with what leads to their owners, each once.
    ///
    /// - Returns: whether the dump ended with it.
    package mutating func parse(
        _ bytes: Span<UInt8>,
        appendingTo sockets: inout [OwnedSocket]
    ) throws(NetlinkFailure) -> Bool {
        try rows(of: bytes) { row, message in
            var row = copy row
            // A socket in CLOSE is in the kernel's tables only where it is bound.
            if row.state == .close { row.state = .boundInactive }
            let owner = SockDiagMessage.owner(in: bytes, message)
            sockets.append(OwnedSocket(row: row, user: owner.user, inode: owner.inode))
        }
    }

    @inline(__always)
    private mutating func rows(
        of bytes: Span<UInt8>,
        _ body: (_ row: borrowing SocketRow, _ message: Range<Int>) -> Void
    ) throws(NetlinkFailure) -> Bool {
        repeated.datagramBegins()
        return try answer.messages(of: bytes) { type, content in
            guard type == TCPDIAG_GETSOCK || type == Int32(SOCK_DIAG_BY_FAMILY) else { return }
            if let row = SockDiagMessage.row(in: bytes, content) {
                if !repeated.contains(row.cookie) { body(row, content) }
            } else {
                malformedRows += 1
            }
        }
    }
}
