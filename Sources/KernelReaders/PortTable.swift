package import Model

/// The sockets of one port: over sock_diag, or from procfs where the kernel refuses that.
package struct PortTable: ~Copyable {
    private let port: Port
    private let proc: ProcFilesystem
    private var sockDiag: PortSockets?
    /// Why the sockets are read from procfs although they should not be.
    package private(set) var obstacle: ReadError?

    /// - Parameters:
    ///   - readsSockDiag: whether to read over sock_diag.
    ///   - fallsBack: whether procfs may replace it.
    package init(of port: Port, _ proc: ProcFilesystem, readsSockDiag: Bool, fallsBack: Bool) throws(ReadError) {
        self.port = port
        self.proc = proc
        guard readsSockDiag, proc.isLive || !fallsBack else { return }
        do throws(ReadError) {
            var table = try PortSockets(of: port)
            // It can be opened where it cannot be asked.
            try table.probe()
            sockDiag = consume table
        } catch {
            if !fallsBack { throw error }
            obstacle = error
        }
    }

    /// Whether sockets that are bound and no more are among those that are read.
    package var tellsBoundSockets: Bool { isSockDiag && (try? proc.tellsBoundSockets()) == true }

    /// Whether the sockets are read over sock_diag.
    package var isSockDiag: Bool { sockDiag != nil }

    /// Every socket on the port.
    ///
    /// - Throws: also that a row could not be read: it may be one on the port.
    package mutating func read() throws(ReadError) -> [OwnedSocket] {
        if let sockets = try sockDiag?.read() { return sockets }
        var table = ProcSocketTable(proc)
        // A connection that becomes a TIME_WAIT meanwhile is in the second reading.
        let owned = try table.ownedSockets().filter { $0.row.localPort == port }
        var timeWaits = TimeWaits(port: port)
        let malformedRows = max(table.malformedRows, try table.read(into: &timeWaits))
        guard malformedRows == 0 else {
            throw .malformed(proc.net("tcp"), "rows that did not parse: \(malformedRows); one may hold port \(port)")
        }
        return owned + timeWaits.sockets
    }

    /// Every listener of the namespace.
    package mutating func listeners() throws(ReadError) -> [SocketRow] {
        if isSockDiag {
            var table = try SockDiagTable()
            return try table.listeners()
        }
        var table = ProcSocketTable(proc)
        return try table.listeners()
    }

    /// Whether a socket is still there; nil where only reading the whole table would tell.
    package mutating func isThere(_ row: SocketRow) throws(ReadError) -> Bool? { try sockDiag?.isThere(row) }

    /// Ends a TIME_WAIT at once, which takes sock_diag and CAP_NET_ADMIN.
    package mutating func end(_ row: SocketRow) throws(ReadError) {
        _ = try sockDiag?.end(row)
    }
}

/// Keeps the TIME_WAITs of a port.
private struct TimeWaits: RowSink {
    let port: Port
    var sockets: [OwnedSocket] = []

    mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant) {
        // Not with `where`: the optimizer of Swift 6.3.1 fails on it.
        for index in rows.indices {
            let row = rows[index]
            if row.localPort == port, row.state == .timeWait {
                sockets.append(OwnedSocket(row: row, user: 0, inode: 0))
            }
        }
    }
}
