package import Model

/// The socket table as /proc/net/tcp and tcp6 show it: no privilege, any kernel, 1.3 µs of the kernel's time a socket.
///
/// Linux writes LISTEN rows at the head of both files. Both are opened and read up to their first other row, and each is
/// read on from there later: no part of the table is walked twice. gVisor writes them anywhere: see `SocketTableFile`.
package struct ProcSocketTable: SocketTableSource, ~Copyable {
    private let proc: ProcFilesystem

    /// The table of the namespace that the procfs belongs to.
    package init(_ proc: ProcFilesystem) {
        self.proc = proc
    }

    /// The LISTEN rows of both families alone.
    package mutating func listeners() throws(ReadError) -> [SocketRow] {
        var sink = KeptRows()
        var tcp = try SocketTableFile(.tcp, at: proc.net("tcp"))
        try tcp.readListeners(into: &sink)
        var tcp6 = try openTCP6()
        try tcp6?.readListeners(into: &sink)
        return sink.rows
    }

    package mutating func read<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) -> Int {
        var tcp = try SocketTableFile(.tcp, at: proc.net("tcp"))
        try tcp.readListeners(into: &sink)
        var tcp6 = try openTCP6()
        try tcp6?.readListeners(into: &sink)
        try tcp.readRest(into: &sink)
        try tcp6?.readRest(into: &sink)
        return tcp.malformedRows + (tcp6?.malformedRows ?? 0)
    }

    /// The file of IPv6; nil where the kernel has none.
    private func openTCP6() throws(ReadError) -> SocketTableFile? {
        try proc.readIPv6("tcp6") { (path) throws(ReadError) in try SocketTableFile(.tcp6, at: path) }
    }

    /// Every socket that a program may own, of both families: all states but TIME_WAIT.
    package mutating func ownedSockets() throws(ReadError) -> [OwnedSocket] {
        var sockets: [OwnedSocket] = []
        var tcp = try SocketTableFile(.tcp, at: proc.net("tcp"))
        try tcp.read(appendingTo: &sockets)
        var tcp6 = try openTCP6()
        try tcp6?.read(appendingTo: &sockets)
        return sockets
    }
}
