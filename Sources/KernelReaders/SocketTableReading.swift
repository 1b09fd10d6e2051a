package import Ports

/// One reading of the socket table as /proc/net/tcp and tcp6 show it: no privilege, any kernel, 1.3 µs of the kernel's
/// time a socket.
///
/// Rows are told by the listeners of both families, so those are known first: LISTEN rows stand at the head of both
/// files. Both are opened and read up to their first other row, and each is read on from there later: no part of the
/// table is walked twice.
package struct SocketTableReading: ~Copyable {
    /// The LISTEN rows of both families.
    package let listening: [SocketRow]
    private var tcp: SocketTableFile
    /// nil where the kernel has no IPv6.
    private var tcp6: SocketTableFile?

    /// Opens the table and reads its listeners.
    package init(_ proc: ProcFilesystem) throws(ReadError) {
        var listening: [SocketRow] = []
        var tcp = try SocketTableFile(.tcp, at: proc.net("tcp"))
        try tcp.readHead(appendingListenersTo: &listening)
        var tcp6 = try proc.readIPv6("tcp6") { (path) throws(ReadError) in try SocketTableFile(.tcp6, at: path) }
        try tcp6?.readHead(appendingListenersTo: &listening)
        self.listening = listening
        self.tcp = tcp
        self.tcp6 = tcp6
    }

    /// Gives every other row to the sink, those of IPv4 first.
    ///
    /// - Returns: the number of rows, listeners included, that did not parse and were left out.
    package mutating func read<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) -> Int {
        try tcp.readRest(into: &sink)
        try tcp6?.readRest(into: &sink)
        return tcp.malformedRows + (tcp6?.malformedRows ?? 0)
    }
}
