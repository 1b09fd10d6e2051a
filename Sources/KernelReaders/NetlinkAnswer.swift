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

    private(set) var hasEnded = false

    /// The next message of a datagram, by its type and the range of its content; nil after the last
    /// one.
    ///
    /// - Parameter position: where the message begins; then where the next one does.
    @inline(__always)
    mutating func next(
        in bytes: Span<UInt8>,
        at position: inout Int
    ) throws(NetlinkFailure) -> (type: Int32, content: Range<Int>)? {
        let headerSize = MemoryLayout<nlmsghdr>.size
        while position < bytes.count {
            let rest = bytes.count - position
            guard rest >= headerSize else { throw .malformed("\(rest) bytes where a message should begin") }
            let header = bytes.load(nlmsghdr.self, at: position)
            let length = Int(header.nlmsg_len)
            guard length >= headerSize, length <= rest else {
                throw .malformed("a message of \(length) bytes in \(rest)")
            }
            // The message is within the bytes, so that nothing overflows.
            let content = position &+ headerSize..<position &+ length
            position &+= (length &+ 3) & ~3
            // What is left of an earlier dump that was given up has another number.
            guard header.nlmsg_seq == sequence else { continue }
            if Int32(header.nlmsg_flags) & NLM_F_DUMP_INTR != 0 { wasInterrupted = true }
            let type = Int32(header.nlmsg_type)
            if type > NLMSG_OVERRUN { return (type, content) }
            if try ends(type, bytes, content) { return nil }
        }
        return nil
    }

    /// Takes a message about the answer itself.
    ///
    /// - Returns: whether it ends the dump.
    private mutating func ends(_ type: Int32, _ bytes: Span<UInt8>, _ content: Range<Int>) throws(NetlinkFailure)
        -> Bool
    {
        guard type == NLMSG_DONE || type == NLMSG_ERROR else { return false }
        try Self.check(bytes, content)
        guard type == NLMSG_DONE else { return false }
        if wasInterrupted { throw .interrupted }
        hasEnded = true
        return true
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
