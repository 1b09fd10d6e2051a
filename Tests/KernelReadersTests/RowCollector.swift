import Model

/// A sink that keeps every row.
struct RowCollector: RowSink {
    var rows: [SocketRow] = []

    mutating func row(_ row: borrowing SocketRow) { rows.append(copy row) }

    /// The rows in a state.
    func rows(in state: TCPState) -> [SocketRow] { rows.filter { $0.state == state } }
}
