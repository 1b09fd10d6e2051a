package import Model
import System

/// The socket table as /proc/net/tcp and tcp6 show it: no privilege, any kernel, 1.3 µs of the
/// kernel's time a socket.
///
/// Linux writes LISTEN rows at the head of both files. Both are opened and read up to their first
/// other row, and each is read on from there later: no part of the table is walked twice. gVisor
/// writes them anywhere: see `SocketTableFile`.
package struct ProcSocketTable: SocketTableSource, ~Copyable {
    private let proc: ProcFilesystem
    private let patience: Patience
    /// How many rows `listeners` or `ownedSockets` left out the last time, because they did not
    /// parse.
    package private(set) var malformedRows = 0

    /// The table of the namespace that the procfs belongs to.
    ///
    /// - Parameter patience: how long a reading may take.
    package init(_ proc: ProcFilesystem, patience: Patience = .unlimited) {
        self.proc = proc
        self.patience = patience
    }

    /// The LISTEN rows of both families alone.
    package mutating func listeners() throws(ReadError) -> [SocketRow] {
        var sink = KeptRows()
        var tcp = try SocketTableFile(.tcp, at: proc.net("tcp"), patience)
        try tcp.readListeners(into: &sink)
        var tcp6 = try openTCP6()
        try tcp6?.readListeners(into: &sink)
        malformedRows = tcp.malformedRows + (tcp6?.malformedRows ?? 0)
        return sink.rows
    }

    package mutating func read<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) -> Int {
        var tcp = try SocketTableFile(.tcp, at: proc.net("tcp"), patience)
        try tcp.readListeners(into: &sink)
        var tcp6 = try openTCP6()
        try tcp6?.readListeners(into: &sink)
        try tcp.readRest(into: &sink)
        try tcp6?.readRest(into: &sink)
        return tcp.malformedRows + (tcp6?.malformedRows ?? 0)
    }

    /// The file of IPv6; nil where the kernel has none.
    private func openTCP6() throws(ReadError) -> SocketTableFile? {
        try proc.readIPv6("tcp6") { (path) throws(ReadError) in try SocketTableFile(.tcp6, at: path, patience) }
    }

    /// Every socket that a program may own, of both families: all states but TIME_WAIT.
    package mutating func ownedSockets() throws(ReadError) -> [OwnedSocket] {
        var sockets: [OwnedSocket] = []
        var tcp = try SocketTableFile(.tcp, at: proc.net("tcp"), patience)
        try tcp.read(appendingTo: &sockets)
        var tcp6 = try openTCP6()
        try tcp6?.read(appendingTo: &sockets)
        malformedRows = tcp.malformedRows + (tcp6?.malformedRows ?? 0)
        return sockets
    }
}

/// /proc/net/tcp or tcp6 while it is being read.
struct SocketTableFile: ~Copyable {
    private let path: String
    private let descriptor: FileDescriptor
    private let patience: Patience
    private var parser: SocketTableParser
    /// The kernel gives one page at a time, whatever the buffer: there is room for it behind a row
    /// that was cut.
    private var buffer: [UInt8]
    private let pageSize = CurrentProcess.pageSize
    /// The bytes at the front of the buffer that belong to no whole row yet.
    private var rest = 0
    private var isAtEnd = false
    /// Whether LISTEN rows may stand anywhere.
    private var isUnordered = false
    private var afterListeners = Head()

    init(_ file: SocketTableParser.File, at path: String, _ patience: Patience) throws(ReadError) {
        self.path = path
        self.patience = patience
        parser = SocketTableParser(file)
        buffer = [UInt8](repeating: 0, count: max(64 * 1024, 2 * pageSize))
        descriptor = try FileDescriptor(reading: path)
    }

    /// The rows so far that did not parse.
    var malformedRows: Int { parser.malformedRows }

    /// Gives the listeners to the sink: reads page by page up to the first row that is not LISTEN,
    /// or to the end.
    ///
    /// Where a read() gives more than a page, what writes the file is not Linux: gVisor writes its
    /// sockets in no order. That file is read to its end, and its other rows are kept.
    mutating func readListeners<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) {
        var head = Head()
        while !isAtEnd, head.others.isEmpty || isUnordered { try readPage(into: &head) }
        sink.rows(head.listening.span, readAt: head.readAt ?? Clock.now)
        afterListeners = head
    }

    /// Gives the rows behind the listeners to the sink.
    mutating func readRest<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) {
        if let readAt = afterListeners.readAt { sink.rows(afterListeners.others.span, readAt: readAt) }
        while !isAtEnd { try readPage(into: &sink) }
    }

    /// Reads the whole file, and appends the sockets that a program may own.
    mutating func read(appendingTo sockets: inout [OwnedSocket]) throws(ReadError) {
        while !isAtEnd { try readPage { parser, bytes in parser.parse(bytes, appendingTo: &sockets) } }
    }

    private mutating func readPage<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) {
        try readPage { parser, bytes in
            parser.parse(bytes, readAt: Clock.now, into: &sink)
        }
    }

    /// Reads once, and gives what is there to `parse`, which says how much of it was whole rows.
    private mutating func readPage(_ parse: (inout SocketTableParser, Span<UInt8>) -> Int) throws(ReadError) {
        let count = try descriptor.read(into: &buffer, from: rest)
        try patience.check(path)
        if count > pageSize { isUnordered = true }
        let filled = rest + count
        var parser = parser
        let parsed = parse(&parser, buffer.span.extracting(0..<filled))
        self.parser = parser
        guard parser.hasHeader else { throw .malformed(path, "does not start with the header of a socket table") }
        // The end is the first read() that leaves room for a row in the kernel's page, not the one
        // that gives nothing: at the end of the table the kernel walks it anew to find its place,
        // and while the table grows faster than it walks, rows come again and again (300,000
        // sockets and 10,000 new ones a second: not ended after 35 s).
        isAtEnd = count < pageSize - 256
        rest = filled - parsed
        if isAtEnd {
            self.parser.finish(rest: rest)
            // A table of zeros would be wrong.
            guard self.parser.hasRows || malformedRows == 0 else {
                throw .malformed(path, "has \(malformedRows) rows, and none of them could be read")
            }
        } else {
            keepRest(from: parsed)
        }
    }

    /// Moves the start of a row that was cut by the end of a read() to the front, or drops it where
    /// it is longer than any row.
    private mutating func keepRest(from offset: Int) {
        if buffer.count - rest < pageSize { rest = 0 }
        for index in 0..<rest { buffer[index] = buffer[offset + index] }
    }
}

/// Separates the rows of a file's first pages: listeners, and the others.
private struct Head: RowSink {
    var listening: [SocketRow] = []
    var others: [SocketRow] = []
    /// When the page with the others was read.
    var readAt: Instant?

    mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant) {
        readAt = now
        for index in rows.indices {
            if rows[index].state == .listen { listening.append(rows[index]) } else { others.append(rows[index]) }
        }
    }
}
