package import Ports

/// The socket table as /proc/net/tcp and tcp6 show it: no privilege, any kernel, 1.3 µs of the kernel's time a socket.
///
/// Linux writes LISTEN rows at the head of both files. Both are opened and read up to their first other row, and each is
/// read on from there later: no part of the table is walked twice. gVisor writes them anywhere.
package struct ProcSocketTable: SocketTableSource, ~Copyable {
    private let proc: ProcFilesystem
    private var tcp: SocketTableFile?
    /// nil where the kernel has no IPv6.
    private var tcp6: SocketTableFile?

    private let searchesAll: Bool

    /// The table of the namespace that the procfs belongs to.
    ///
    /// - Parameter searchesAll: whether LISTEN rows stand anywhere: then both files are read to their ends to find them,
    ///   and a second time for the rest.
    package init(_ proc: ProcFilesystem, searchesAll: Bool = false) {
        self.proc = proc
        self.searchesAll = searchesAll
    }

    package mutating func listeners() throws(ReadError) -> [SocketRow] {
        guard searchesAll else { return try open() }
        var search = ListenSearch(rows: try open())
        _ = try read(into: &search)
        _ = try open()
        return search.rows
    }

    /// Opens both files and reads them up to their first row that is not LISTEN.
    private mutating func open() throws(ReadError) -> [SocketRow] {
        tcp = nil
        tcp6 = nil
        var listening: [SocketRow] = []
        tcp = try SocketTableFile(.tcp, at: proc.net("tcp"))
        try tcp?.readHead(appendingListenersTo: &listening)
        tcp6 = try proc.readIPv6("tcp6") { (path) throws(ReadError) in try SocketTableFile(.tcp6, at: path) }
        try tcp6?.readHead(appendingListenersTo: &listening)
        return listening
    }

    package mutating func read<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) -> Int {
        try tcp?.readRest(into: &sink)
        try tcp6?.readRest(into: &sink)
        let malformed = (tcp?.malformedRows ?? 0) + (tcp6?.malformedRows ?? 0)
        // Closed between readings.
        tcp = nil
        tcp6 = nil
        return malformed
    }
}

/// Keeps the LISTEN rows.
private struct ListenSearch: RowSink {
    var rows: [SocketRow]

    mutating func row(_ row: borrowing SocketRow) {
        if row.state == .listen { rows.append(copy row) }
    }
}
