package import Model

/// Turns the bytes of /proc/net/tcp or tcp6 into rows, in as many pieces as they come. A pure
/// function of the bytes; nothing is allocated per row.
package struct SocketTableParser {
    /// The two files, which differ in the width of their addresses.
    package enum File: String, Sendable {
        case tcp
        case tcp6
    }

    private let format: SocketTableRow
    /// The row before, to know it again.
    private var last: SocketRow?
    /// Whether the header line has come.
    package private(set) var hasHeader = false
    package var hasRows: Bool { last != nil }
    /// Lines that were no rows. They were skipped.
    package private(set) var malformedRows = 0

    /// A parser at the start of a file.
    package init(_ file: File) {
        format = SocketTableRow(addressWidth: file == .tcp ? 8 : 32)
    }

    /// Gives every row of the bytes to the sink, each connection once.
    ///
    /// - Returns: the offset of the first line that does not end in the bytes: it has to be given
    ///   again, together with what follows.
    package mutating func parse<Sink: RowSink & ~Copyable>(
        _ bytes: Span<UInt8>,
        readAt now: Instant,
        into sink: inout Sink
    ) -> Int {
        var rows = RowBatch()
        let parsed = self.rows(of: bytes) { row, _ in rows.append(copy row, into: &sink, readAt: now) }
        rows.flush(into: &sink, readAt: now)
        return parsed
    }

    /// Appends the sockets that a program may own, which are all but TIME_WAIT, with what leads to
    /// their owners.
    ///
    /// - Returns: as above.
    package mutating func parse(_ bytes: Span<UInt8>, appendingTo sockets: inout [OwnedSocket]) -> Int {
        let format = format
        var withoutOwner = 0
        let parsed = rows(of: bytes) { row, start in
            if row.state == .timeWait { return }
            if let owner = format.owner(in: bytes, at: start) {
                sockets.append(OwnedSocket(row: copy row, user: owner.user, inode: owner.inode))
            } else {
                withoutOwner += 1
            }
        }
        malformedRows += withoutOwner
        return parsed
    }

    @inline(__always)
    private mutating func rows(
        of bytes: Span<UInt8>,
        _ body: (_ row: borrowing SocketRow, _ start: Int) -> Void
    ) -> Int {
        var position = 0
        if !hasHeader {
            guard let line = bytes.line(at: &position), line.upperBound < bytes.count else { return 0 }
            hasHeader = bytes.starts(with: SocketTableRow.header)
            guard hasHeader else { return 0 }
        }
        while position < bytes.count {
            switch format.read(bytes, at: position) {
            case .row(let row, let next):
                if !isRepeated(row) { body(row, position) }
                position = next
            case .malformed(let next):
                malformedRows += 1
                position = next
            case .incomplete:
                return position
            }
        }
        return position
    }

    /// Whether the connection of the row is the one before; if not, remembers it.
    ///
    /// The kernel writes the file in pieces of 4 KB and goes on by the number of rows of a bucket
    /// that it has written: where a connection came into the bucket meanwhile, at its head, the
    /// last row before comes again (tcp_seek_last_pos(), net/ipv4/tcp_ipv4.c; 6 times in 12
    /// readings at 14,000 new ones a second). Listeners of one address may be many (SO_REUSEPORT).
    @inline(__always)
    private mutating func isRepeated(_ row: borrowing SocketRow) -> Bool {
        if let last, row.remotePort == last.remotePort, row.localPort == last.localPort, row.state != .listen,
            row.remoteAddress == last.remoteAddress, row.localAddress == last.localAddress
        {
            return true
        }
        last = copy row
        return false
    }

    /// Tells the parser that the file is at its end.
    ///
    /// - Parameter rest: the number of bytes that belong to no whole line: a row that was cut off.
    package mutating func finish(rest: Int) {
        if rest > 0 { malformedRows += 1 }
    }
}
