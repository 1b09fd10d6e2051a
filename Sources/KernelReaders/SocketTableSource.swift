package import Model

/// A way to read the socket table.
package protocol SocketTableSource: ~Copyable {
    /// Gives every row to the sink, the LISTEN rows of both families first.
    ///
    /// - Returns: the number of rows that were left out because they did not parse.
    mutating func read<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) -> Int
}
