import CLinux
import Glibc
package import Model

/// Turns the kernel's answer to one dump request into rows, datagram by datagram. A pure function
/// of the bytes.
package struct SockDiagParser {
    private var answer: NetlinkAnswer
    private var repeated = RepeatedRows()
    /// Messages about sockets that were too short, or of an unknown family or state. They were
    /// skipped.
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
        readAt now: Instant,
        into sink: inout Sink
    ) throws(NetlinkFailure) -> Bool {
        var rows = RowBatch()
        defer { rows.flush(into: &sink, readAt: now) }
        return try self.rows(of: bytes) { row, _ in rows.append(copy row, into: &sink, readAt: now) }
    }

    /// Appends the sockets of a datagram with what leads to their owners, each once.
    ///
    /// - Returns: whether the dump ended with it.
    package mutating func parse(
        _ bytes: Span<UInt8>,
        appendingTo sockets: inout [OwnedSocket]
    ) throws(NetlinkFailure) -> Bool {
        try rows(of: bytes) { row, message in
            var row = copy row
            // A socket in CLOSE is in the kernel's tables only where it is bound.
            if row.state == .close { row.state = .boundInactive }
            let owner = SockDiagMessage.owner(in: bytes, message)
            sockets.append(OwnedSocket(row: row, user: owner.user, inode: owner.inode))
        }
    }

    @inline(__always)
    private mutating func rows(
        of bytes: Span<UInt8>,
        _ body: (_ row: borrowing SocketRow, _ message: Range<Int>) -> Void
    ) throws(NetlinkFailure) -> Bool {
        repeated.datagramBegins()
        return try answer.messages(of: bytes) { type, content in
            guard type == TCPDIAG_GETSOCK || type == Int32(SOCK_DIAG_BY_FAMILY) else { return }
            if let row = SockDiagMessage.row(in: bytes, content) {
                if !repeated.contains(row.cookie) { body(row, content) }
            } else {
                malformedRows += 1
            }
        }
    }
}

/// One `struct inet_diag_msg` (include/uapi/linux/inet_diag.h) with its attributes, by the offsets
/// that the kernel has promised.
struct SockDiagMessage {
    /// Bytes before the attributes.
    static let size = MemoryLayout<inet_diag_msg>.size

    /// The row that lies in a range of the bytes; nil where it is too short, or of a family or a
    /// state that we do not know.
    @inline(__always)
    static func row(in bytes: Span<UInt8>, _ range: Range<Int>) -> SocketRow? {
        let start = range.lowerBound
        guard range.count >= size, let state = TCPState(rawValue: bytes[start + 1]) else { return nil }
        let isIPv4 = bytes[start] == UInt8(AF_INET)
        guard isIPv4 || bytes[start] == UInt8(AF_INET6) else { return nil }
        var row = SocketRow(
            localAddress: address(in: bytes, at: start + 8, isIPv4),
            localPort: UInt16(truncatingIfNeeded: bytes.bigEndian32(at: start + 4) >> 16),
            remoteAddress: address(in: bytes, at: start + 24, isIPv4),
            remotePort: UInt16(truncatingIfNeeded: bytes.bigEndian32(at: start + 4)),
            state: state,
            // The kernel's number for the timer of its TIME_WAIT table.
            isTimeWaitMiniSocket: bytes[start + 2] == 3,
            receiveQueue: bytes.native32(at: start + 56),
            sendQueue: bytes.native32(at: start + 60),
            device: bytes.native32(at: start + 40),
            cookie: UInt64(bytes.native32(at: start + 44)) | UInt64(bytes.native32(at: start + 48)) << 32
        )
        if row.isTimeWaitMiniSocket { row.timerRemaining = bytes.native32(at: start + 52) }
        switch state {
        // A socket that is bound and no more is in state CLOSE.
        case .listen, .close:
            row.isV6Only = attribute(Int(INET_DIAG_SKV6ONLY), in: bytes, start + size..<range.upperBound) == 1
        case .synRecv:
            // Sockets of any state but TIME_WAIT tell whether they are shut down; a connection
            // request is no socket yet.
            let isSocket = attribute(Int(INET_DIAG_SHUTDOWN), in: bytes, start + size..<range.upperBound) != nil
            if !isSocket { row.state = .newSynRecv }
        default: break
        }
        return row
    }

    /// The user and the inode of the message that `row` was read from.
    @inline(__always)
    static func owner(in bytes: Span<UInt8>, _ range: Range<Int>) -> (user: UInt32, inode: UInt64) {
        (bytes.native32(at: range.lowerBound + 64), UInt64(bytes.native32(at: range.lowerBound + 68)))
    }

    @inline(__always)
    private static func address(in bytes: Span<UInt8>, at offset: Int, _ isIPv4: Bool) -> IPAddress {
        let first = bytes.bigEndian32(at: offset)
        if isIPv4 { return IPAddress(v4: first) }
        return IPAddress(
            high: UInt64(first) << 32 | UInt64(bytes.bigEndian32(at: offset + 4)),
            low: UInt64(bytes.bigEndian32(at: offset + 8)) << 32 | UInt64(bytes.bigEndian32(at: offset + 12))
        )
    }

    /// Whether the connection of a message has TCP timestamps, as its `struct tcp_info` says in its
    /// sixth byte; nil where the message has none.
    static func usesTimestamps(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool? {
        guard range.count >= size,
            let info = bytes.attribute(Int32(INET_DIAG_INFO), in: range.lowerBound + size..<range.upperBound),
            info.count > 5
        else { return nil }
        return bytes[info.lowerBound + 5] & UInt8(TCPI_OPT_TIMESTAMPS) != 0
    }

    /// The first byte of an attribute; nil where there is none.
    private static func attribute(_ type: Int, in bytes: Span<UInt8>, _ range: Range<Int>) -> UInt8? {
        bytes.attribute(Int32(type), in: range).flatMap { $0.isEmpty ? nil : bytes[$0.lowerBound] }
    }
}

/// Recognises the rows that a dump over sock_diag gives twice.
///
/// The kernel resumes a dump by the number of sockets of a bucket that it has given, not by a
/// socket: at each datagram, and within buckets of more than 16 sockets after every 16th. A
/// connection that came into the bucket meanwhile stands at its head, so that the last row before
/// comes again as the first row after; with n new connections the last n rows do
/// (inet_diag_dump_icsk(), net/ipv4/inet_diag.c). Seen once in several runs of 30 dumps of 300,000
/// sockets, with 5,000 new ones a second.
///
/// Only there is looked: a set of all cookies would cost more than the dump.
struct RepeatedRows {
    /// The cookies of the last rows, the newest at `newest`. Cookies are never 0.
    private var cookies = InlineArray<16, UInt64>(repeating: 0)
    private var newest = 0
    /// Whether every row of this datagram so far came a second time.
    private var isLeading = false

    /// Tells that the rows that follow come in a datagram of their own.
    @inline(__always)
    mutating func datagramBegins() {
        isLeading = true
    }

    /// Whether the row with the cookie came a moment ago; if not, remembers that it has come.
    @inline(__always)
    mutating func contains(_ cookie: UInt64) -> Bool {
        if cookie == cookies[newest] { return cookie != 0 }
        if isLeading {
            for index in cookies.indices where cookies[index] == cookie { return cookie != 0 }
            isLeading = false
        }
        newest = (newest + 1) & 15
        cookies[newest] = cookie
        return false
    }
}
