/// What takes the rows of the socket table as they are read.
///
/// LISTEN rows and those of sockets that are only bound come before all others, which they
/// classify. Rows come by datagram or page: the call is then rare, and each side is a loop of its
/// own that keeps its tables in registers and spans (measured: docs/benchmark).
public protocol RowSink: ~Copyable {
    /// Takes rows that were read from the kernel at one moment.
    mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant)
}
