import CLinux
import Glibc
import Model

/// One `struct inet_diag_msg` (include/uapi/linux/inet_diag.h) with its attributes, by the offsets that the kernel has
/// promised.
struct SockDiagMessage {
    /// Bytes before the attributes.
    static let size = MemoryLayout<inet_diag_msg>.size

    /// The row that lies in a range of the bytes; nil where it is too short, or of a family or a state that we do not
    /// know.
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
            // Sockets of any state but TIME_WAIT tell whether they are shut down; a connection request is none yet.
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

    /// Whether the connection of a message has TCP timestamps, as its `struct tcp_info` says in its sixth byte; nil where
    /// the message has none.
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
