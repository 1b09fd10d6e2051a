package import Model

/// A way to read the socket table.
package protocol SocketTableSource: ~Copyable {
    /// Gives every row to the sink, the LISTEN rows of both families first.
    ///
    /// - Returns: the number of rows that were left out because they did not parse.
    mutating func read<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) -> Int
}

/// Rows on their way to a sink: few enough to stay in the processor's first cache.
struct RowBatch: ~Copyable {
    private static let none = SocketRow(
        localAddress: .anyIPv6,
        localPort: 0,
        remoteAddress: .anyIPv6,
        remotePort: 0,
        state: .close
    )
    private var rows = InlineArray<64, SocketRow>(repeating: none)
    private var count = 0

    @inline(__always)
    mutating func append<Sink: RowSink & ~Copyable>(
        _ row: SocketRow,
        into sink: inout Sink,
        readAt now: Instant
    ) {
        if count == rows.count { flush(into: &sink, readAt: now) }
        rows[count] = row
        count += 1
    }

    mutating func flush<Sink: RowSink & ~Copyable>(into sink: inout Sink, readAt now: Instant) {
        sink.rows(rows.span.extracting(0..<count), readAt: now)
        count = 0
    }
}

/// A sink that keeps every row.
struct KeptRows: RowSink {
    var rows: [SocketRow] = []

    mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant) {
        for index in rows.indices { self.rows.append(rows[index]) }
    }
}
