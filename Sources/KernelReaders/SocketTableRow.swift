import Model

/// A row of /proc/net/tcp or tcp6 (tcp4_seq_show() in net/ipv4/tcp_ipv4.c, tcp6_seq_show() in
/// net/ipv6/tcp_ipv6.c).
///
///       sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
///        0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 3153 1 0000000000000000 …
///
/// `sl` is printed with %4d and grows beyond that. From the first ':' on every column up to
/// `retrnsmt` has a fixed width, and a fixed separator that is checked. The rest is split by white
/// space; a row of tcp is padded there to 150 bytes, a row of tcp6 is not.
struct SocketTableRow {
    /// How the line of the columns' names begins. That of /proc/net/udp has a space more before it.
    static let header = "  sl  local_address "

    /// What stands at a place of the table.
    enum Reading {
        /// A row, and where the next one starts.
        case row(SocketRow, next: Int)
        /// A line that is no row, and where the next one starts.
        case malformed(next: Int)
        /// A line whose end is not in the bytes.
        case incomplete
    }

    /// Digits of an address: 8 in tcp, 32 in tcp6.
    let addressWidth: Int

    /// Reads the row that starts at `start`.
    @inline(__always)
    func read(_ bytes: Span<UInt8>, at start: Int) -> Reading {
        guard let columns = columns(of: bytes, at: start) else {
            var position = start
            while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
            return position < bytes.count ? .malformed(next: position + 1) : .incomplete
        }
        guard let tail = Self.tail(of: bytes, at: columns.end) else { return .incomplete }
        // uid, timeout, inode, references and the socket's address stand behind every row, five
        // more only behind full sockets.
        guard tail.words >= 5 else { return .malformed(next: tail.next) }
        var row = columns.row
        // A connection request is printed as SYN_RECV; only its row is shorter than that of a
        // socket in that state.
        if row.state == .synRecv && tail.words == 5 { row.state = .newSynRecv }
        return .row(row, next: tail.next)
    }

    /// The columns `uid` and `inode` of a row that `read` has found at `start`; nil where one of
    /// them is no number.
    func owner(in bytes: Span<UInt8>, at start: Int) -> (user: UInt32, inode: UInt64)? {
        guard let colon = Self.colonAfterSlot(in: bytes, at: start) else { return nil }
        var position = end(behind: colon)
        guard let user = bytes.word(at: &position, before: bytes.count),
            bytes.word(at: &position, before: bytes.count) != nil,
            let inode = bytes.word(at: &position, before: bytes.count),
            let user = bytes.decimal(in: user, as: UInt32.self),
            let inode = bytes.decimal(in: inode, as: UInt64.self)
        else { return nil }
        return (user, inode)
    }

    /// Where the column `retrnsmt` of the row with the first ':' at `colon` ends.
    @inline(__always)
    private func end(behind colon: Int) -> Int {
        // Two addresses and ports with what separates them, and 41 bytes from the state on.
        colon + 2 + 2 * (addressWidth + 6) + 41
    }

    /// The columns from `sl` to `retrnsmt`, and where they end; nil where anything else stands
    /// there.
    @inline(__always)
    private func columns(of bytes: Span<UInt8>, at start: Int) -> (row: SocketRow, end: Int)? {
        guard let colon = Self.colonAfterSlot(in: bytes, at: start) else { return nil }
        let localAddress = colon + 2
        let localPort = localAddress + addressWidth + 1
        let remoteAddress = localPort + 5
        let remotePort = remoteAddress + addressWidth + 1
        let state = remotePort + 5
        let queues = state + 3
        let timer = queues + 18
        let end = timer + 20
        guard end < bytes.count,
            bytes[colon + 1] == UInt8(ascii: " "), bytes[localPort - 1] == UInt8(ascii: ":"),
            bytes[remoteAddress - 1] == UInt8(ascii: " "), bytes[remotePort - 1] == UInt8(ascii: ":"),
            bytes[state - 1] == UInt8(ascii: " "), bytes[queues - 1] == UInt8(ascii: " "),
            bytes[queues + 8] == UInt8(ascii: ":"), bytes[timer - 1] == UInt8(ascii: " "),
            bytes[timer + 2] == UInt8(ascii: ":"), bytes[timer + 11] == UInt8(ascii: " "),
            bytes[end] == UInt8(ascii: " "),
            let local = address(in: bytes, at: localAddress), let localNumber = bytes.hexadecimal16(at: localPort),
            let remote = address(in: bytes, at: remoteAddress), let remoteNumber = bytes.hexadecimal16(at: remotePort),
            let stateNumber = bytes.hexadecimal8(at: state), let known = TCPState(rawValue: stateNumber),
            bytes.hexadecimal32(at: queues) != nil, let receiveQueue = bytes.hexadecimal32(at: queues + 9),
            let timerKind = bytes.hexadecimal8(at: timer), let remaining = bytes.hexadecimal32(at: timer + 3),
            bytes.hexadecimal32(at: timer + 12) != nil,
            // Nothing listens on no port.
            known != .listen || localNumber != 0
        else { return nil }
        let row = SocketRow(
            localAddress: local,
            localPort: localNumber,
            remoteAddress: remote,
            remotePort: remoteNumber,
            state: known,
            isTimeWaitMiniSocket: timerKind == 3,
            receiveQueue: receiveQueue,
            // Printed in hundredths of a second (USER_HZ), whatever the kernel counts in.
            timerRemaining: timerKind == 3 ? remaining &* 10 : 0
        )
        return (row, end)
    }

    /// Where the ':' behind the row's number stands.
    @inline(__always)
    private static func colonAfterSlot(in bytes: Span<UInt8>, at start: Int) -> Int? {
        var position = start
        while position < bytes.count, bytes[position] == UInt8(ascii: " ") { position += 1 }
        let digits = position
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") <= 9 { position += 1 }
        guard digits < position, position < bytes.count, bytes[position] == UInt8(ascii: ":") else { return nil }
        return position
    }

    /// An address: words of 32 bits that the kernel keeps in network order and prints as numbers of
    /// its own byte order.
    @inline(__always)
    private func address(in bytes: Span<UInt8>, at offset: Int) -> IPAddress? {
        guard let first = bytes.hexadecimal32(at: offset) else { return nil }
        guard addressWidth == 32 else { return IPAddress(v4: UInt32(bigEndian: first)) }
        guard let second = bytes.hexadecimal32(at: offset + 8), let third = bytes.hexadecimal32(at: offset + 16),
            let fourth = bytes.hexadecimal32(at: offset + 24)
        else { return nil }
        return IPAddress(
            high: UInt64(UInt32(bigEndian: first)) << 32 | UInt64(UInt32(bigEndian: second)),
            low: UInt64(UInt32(bigEndian: third)) << 32 | UInt64(UInt32(bigEndian: fourth))
        )
    }

    /// Counts the words from `start` to the end of the line, eight bytes at a time; nil where the
    /// line does not end in the bytes.
    @inline(__always)
    private static func tail(of bytes: Span<UInt8>, at start: Int) -> (words: Int, next: Int)? {
        var words = 0
        var spaceBefore: UInt64 = 0  // the column before the tail ends right before it
        var position = start
        while position + 8 <= bytes.count {
            let text = bytes.word64(at: position)
            let spaces = matches(of: UInt8(ascii: " "), in: text)
            let newlines = matches(of: UInt8(ascii: "\n"), in: text)
            // Only what stands before the newline counts.
            let line = newlines == 0 ? UInt64.max : (newlines & ~(newlines &- 1)) &- 1
            let others = ~(spaces | newlines) & 0x8080_8080_8080_8080 & line
            words += (others & (spaces << 8 | spaceBefore)).nonzeroBitCount
            if newlines != 0 { return (words, position + newlines.trailingZeroBitCount / 8 + 1) }
            spaceBefore = spaces >> 56
            position += 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\n") { return (words, position) }
            if byte != UInt8(ascii: " "), spaceBefore != 0 { words += 1 }
            spaceBefore = byte == UInt8(ascii: " ") ? 0x80 : 0
        }
        return nil
    }

    /// The highest bit of each byte of `text` that is `byte`.
    @inline(__always)
    private static func matches(of byte: UInt8, in text: UInt64) -> UInt64 {
        let low7: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let difference = text ^ (UInt64(byte) &* 0x0101_0101_0101_0101)
        return ~((difference & low7) &+ low7 | difference | low7)
    }
}
