package import Model

/// A way to read the socket table: its listeners first, by which every other row is told, then the rest.
package protocol SocketTableSource: ~Copyable {
    /// Starts a reading, and gives the LISTEN rows of both families.
    mutating func listeners() throws(ReadError) -> [SocketRow]

    /// Gives every other row to the sink.
    ///
    /// - Returns: the number of rows that were left out because they did not parse.
    mutating func read<Sink: RowSink & ~Copyable>(into sink: inout Sink) throws(ReadError) -> Int
}
