import CLinux
import System

/// Why the kernel's answer to a netlink request is not worth anything.
package enum NetlinkFailure: Error, Equatable {
    /// The kernel answered with this errno.
    case refused(errno: Int32)
    /// What was dumped changed so much meanwhile that the kernel says so (NLM_F_DUMP_INTR).
    case interrupted
    /// The bytes are no netlink messages.
    case malformed(String)
}

/// The kernel's answer to one netlink request, datagram by datagram: its messages, its end and its
/// errors. A pure function of the bytes.
struct NetlinkAnswer {
    private let sequence: UInt32
    private var wasInterrupted = false

    /// The answer to the request with a sequence number.
    init(to sequence: UInt32) {
        self.sequence = sequence
    }

    /// Gives the messages of a datagram to `body`, each by its type and the range of its content.
    ///
    /// - Returns: whether the dump ended with it.
    @inline(__always)
    mutating func messages(
        of bytes: Span<UInt8>,
        _ body: (_ type: Int32, _ content: Range<Int>) -> Void
    ) throws(NetlinkFailure) -> Bool {
        let headerSize = MemoryLayout<nlmsghdr>.size
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
                default:
                    body(type, content)
                }
            }
            position += (length + 3) & ~3
        }
        return false
    }

    /// Throws the error that a message carries: 0 or a negative errno in its first four bytes.
    private static func check(_ bytes: Span<UInt8>, _ content: Range<Int>) throws(NetlinkFailure) {
        guard content.count >= 4 else { throw .malformed("an end or an error without a number") }
        let code = Int32(bitPattern: bytes.native32(at: content.lowerBound))
        // Int32.min has no positive counterpart.
        if code != 0 { throw .refused(errno: code == .min ? .max : abs(code)) }
    }
}

extension Span<UInt8> {
    /// The value of a netlink attribute (struct nlattr, or rtattr, which is laid out alike) among
    /// those in a range; nil where there is none, or where the attributes are broken before it.
    func attribute(_ type: Int32, in range: Range<Int>) -> Range<Int>? {
        var position = range.lowerBound
        while position + 4 <= range.upperBound {
            let length = Int(native16(at: position))
            guard length >= 4, position + length <= range.upperBound else { return nil }
            if Int32(native16(at: position + 2)) == type { return position + 4..<position + length }
            position += (length + 3) & ~3
        }
        return nil
    }
}

extension ReadError {
    /// What the failure of an answer means for the reading.
    init(_ failure: NetlinkFailure, of family: NetlinkSocket.Family) {
        switch failure {
        case .refused(let errno): self.init(call: "dump", path: family.rawValue, errno: errno)
        case .interrupted:
            self.init(reason: .readFailed, path: family.rawValue, detail: "what was dumped changed meanwhile")
        case .malformed(let problem): self = .malformed(family.rawValue, problem)
        }
    }
}
