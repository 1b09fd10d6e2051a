import Model

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
