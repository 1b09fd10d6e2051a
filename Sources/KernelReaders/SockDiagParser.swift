import CLinux
package import Ports

/// Turns the kernel's answer to one dump request into rows, datagram by datagram. A pure function of the bytes.
package struct SockDiagParser {
    private var answer: NetlinkAnswer
    private var repeated = RepeatedRows()
    /// Messages about sockets that were too short, or of an unknown family or state. They were skipped.
    package private(set) var malformedRows = 0

    /// A parser for the answer to the request with a sequence number.
    package init(sequence: UInt32) {
        answer = NetlinkAnswer(to: sequence)
    }

    /// Gives the rows of a datagram to the sink, each socket once.
    ///
    /// - Returns: whether the dump ended with it.
    package mutating func parse<Sink: RowSink & ~Copyable>(
        _ bytes: Span<UInt8>,
        into sink: inout Sink
    ) throws(NetlinkFailure) -> Bool {
        repeated.datagramBegins()
        return try answer.messages(of: bytes) { type, content in
            guard type == TCPDIAG_GETSOCK || type == Int32(SOCK_DIAG_BY_FAMILY) else { return }
            if let row = SockDiagMessage.row(in: bytes, content) {
                if !repeated.contains(row.cookie) { sink.row(row) }
            } else {
                malformedRows += 1
            }
        }
    }
}
