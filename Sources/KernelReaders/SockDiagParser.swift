import CLinux
import Glibc
package import Model

/// Turns the kernel's answer to one dump request into rows, datagram by datagram. A pure function
/// of the bytes.
package struct SockDiagParser {
    private var answer: NetlinkAnswer
    private var repeated = RepeatedRows()
    /// Messages about sockets that were too short, of an unknown family or state, or of a listener
    /// without a port. They were skipped.
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
        var position = 0
        repeated.datagramBegins()
        while let (row, _) = try next(in: bytes, at: &position) { rows.append(row, into: &sink, readAt: now) }
        return answer.hasEnded
    }

    /// Appends the sockets of a datagram with what leads to their owners, each once.
    ///
    /// - Returns: whether the dump ended with it.
    package mutating func parse(
        _ bytes: Span<UInt8>,
        appendingTo sockets: inout [OwnedSocket]
    ) throws(NetlinkFailure) -> Bool {
        var position = 0
        repeated.datagramBegins()
        while let (found, message) = try next(in: bytes, at: &position) {
            var row = found
            // A socket in CLOSE is in the kernel's tables only where it is bound.
            if row.state == .close { row.state = .boundInactive }
            let owner = SockDiagMessage.owner(in: bytes, message)
            sockets.append(OwnedSocket(row: row, user: owner.user, inode: owner.inode))
        }
        return answer.hasEnded
    }

    /// The next row of a datagram that the kernel has not repeated, and where its message lies.
    @inline(__always)
    private mutating func next(
        in bytes: Span<UInt8>,
        at position: inout Int
    ) throws(NetlinkFailure) -> (row: SocketRow, message: Range<Int>)? {
        while let (type, content) = try answer.next(in: bytes, at: &position) {
            guard type == TCPDIAG_GETSOCK || type == Int32(SOCK_DIAG_BY_FAMILY) else { continue }
            guard let row = SockDiagMessage.row(in: bytes, content) else {
                malformedRows += 1
                continue
            }
            if !repeated.contains(row.cookie) { return (row, content) }
        }
        return nil
    }
}

/// One `struct inet_diag_msg` (include/uapi/linux/inet_diag.h) with its attributes.
struct SockDiagMessage {
    /// Bytes before the attributes.
    static let size = MemoryLayout<inet_diag_msg>.size

    /// The row that lies in a range of the bytes; nil where it is too short, of a family or a state
    /// that we do not know, or of a listener without a port.
    @inline(__always)
    static func row(in bytes: Span<UInt8>, _ range: Range<Int>) -> SocketRow? {
        guard range.count >= size else { return nil }
        let message = bytes.load(inet_diag_msg.self, at: range.lowerBound)
        guard let state = TCPState(rawValue: message.idiag_state) else { return nil }
        let isIPv4 = message.idiag_family == UInt8(AF_INET)
        guard isIPv4 || message.idiag_family == UInt8(AF_INET6) else { return nil }
        // The kernel's number for the timer of its TIME_WAIT table.
        let isMiniSocket = message.idiag_timer == 3
        let cookie = message.id.idiag_cookie
        var row = SocketRow(
            localAddress: address(message.id.idiag_src, isIPv4),
            localPort: UInt16(bigEndian: message.id.idiag_sport),
            remoteAddress: address(message.id.idiag_dst, isIPv4),
            remotePort: UInt16(bigEndian: message.id.idiag_dport),
            state: state,
            isTimeWaitMiniSocket: isMiniSocket,
            receiveQueue: message.idiag_rqueue,
            sendQueue: message.idiag_wqueue,
            device: message.id.idiag_if,
            timerRemaining: isMiniSocket ? message.idiag_expires : 0,
            cookie: UInt64(cookie.0) | UInt64(cookie.1) << 32
        )
        switch state {
        // Nothing listens on no port.
        case .listen where row.localPort == 0: return nil
        // A socket that is bound and no more is in state CLOSE.
        case .listen, .close:
            row.isV6Only =
                attribute(Int(INET_DIAG_SKV6ONLY), in: bytes, range.lowerBound + size..<range.upperBound) == 1
        case .synRecv:
            // Sockets of any state but TIME_WAIT tell whether they are shut down; a connection
            // request is no socket yet.
            let isSocket =
                attribute(Int(INET_DIAG_SHUTDOWN), in: bytes, range.lowerBound + size..<range.upperBound) != nil
            if !isSocket { row.state = .newSynRecv }
        default: break
        }
        return row
    }

    /// The user and the inode of the message that `row` was read from.
    @inline(__always)
    static func owner(in bytes: Span<UInt8>, _ range: Range<Int>) -> (user: UInt32, inode: UInt64) {
        let message = bytes.load(inet_diag_msg.self, at: range.lowerBound)
        return (message.idiag_uid, UInt64(message.idiag_inode))
    }

    /// An address of a message, in network byte order. An IPv4 address has only the first word.
    @inline(__always)
    private static func address(_ words: (UInt32, UInt32, UInt32, UInt32), _ isIPv4: Bool) -> IPAddress {
        if isIPv4 { return IPAddress(v4: UInt32(bigEndian: words.0)) }
        return IPAddress(
            high: UInt64(UInt32(bigEndian: words.0)) << 32 | UInt64(UInt32(bigEndian: words.1)),
            low: UInt64(UInt32(bigEndian: words.2)) << 32 | UInt64(UInt32(bigEndian: words.3))
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
