import Model

/// A sink that keeps every row.
struct RowCollector: RowSink {
    var rows: [SocketRow] = []

    mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant) {
        for index in rows.indices { self.rows.append(rows[index]) }
    }

    /// The rows in a state.
    func rows(in state: TCPState) -> [SocketRow] { rows.filter { $0.state == state } }
}
