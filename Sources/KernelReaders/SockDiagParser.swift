import CLinux
package import Ports

/// Turns the kernel's answer to one dump request into rows, datagram by datagram. A pure function of the bytes.
package struct SockDiagParser {
    /// Why an answer is not worth anything.
    package enum Failure: Error, Equatable {
        /// The kernel answered with this errno.
        case refused(errno: Int32)
        /// The table changed so much while it was dumped that the kernel says so (NLM_F_DUMP_INTR).
        case interrupted
        /// The bytes are no netlink messages.
        case malformed(String)
    }

    private let sequence: UInt32
    private var wasInterrupted = false
    private var repeated = RepeatedRows()
    /// Messages about sockets that were too short, or of an unknown family or state. They were skipped.
    package private(set) var malformedRows = 0

    /// A parser for the answer to the request with a sequence number.
    package init(sequence: UInt32) {
        self.sequence = sequence
    }

    /// Gives the rows of a datagram to the sink, each socket once.
    ///
    /// - Returns: whether the dump ended with it.
    package mutating func parse<Sink: RowSink & ~Copyable>(
        _ bytes: Span<UInt8>,
        into sink: inout Sink
    ) throws(Failure) -> Bool {
        let headerSize = MemoryLayout<nlmsghdr>.size
        repeated.datagramBegins()
        var position = 0
        while position < bytes.count {
            let rest = bytes.count - position
            guard rest >= headerSize else { throw .malformed("\(rest) bytes where a message should begin") }
            let length = Int(bytes.native32(at: position))
            guard length >= headerSize, length <= rest else {
                throw .malformed("a message of \(length) bytes in \(rest)")
            }
            let type = Int32(bytes.native16(at: position + 4))
            let flags = Int32(bytes.native16(at: position + 6))
            // What is left of an earlier dump that was given up has another number.
            if bytes.native32(at: position + 8) == sequence {
                if flags & NLM_F_DUMP_INTR != 0 { wasInterrupted = true }
                let content = position + headerSize..<position + length
                switch type {
                case NLMSG_DONE:
                    try Self.check(bytes, content)
                    if wasInterrupted { throw .interrupted }
                    return true
                case NLMSG_ERROR:
                    try Self.check(bytes, content)
                case TCPDIAG_GETSOCK, Int32(SOCK_DIAG_BY_FAMILY):
                    if let row = SockDiagMessage.row(in: bytes, content) {
                        if !repeated.contains(row.cookie) { sink.row(row) }
                    } else {
                        malformedRows += 1
                    }
                default: break
                }
            }
            position += (length + 3) & ~3
        }
        return false
    }

    /// Throws the error that a message carries: 0 or a negative errno in its first four bytes.
    private static func check(_ bytes: Span<UInt8>, _ content: Range<Int>) throws(Failure) {
        guard content.count >= 4 else { throw .malformed("an end or an error without a number") }
        let code = Int32(bitPattern: bytes.native32(at: content.lowerBound))
        // Int32.min has no positive counterpart.
        if code != 0 { throw .refused(errno: code == .min ? .max : abs(code)) }
    }
}
