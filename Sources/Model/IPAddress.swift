/// An IPv4 or IPv6 address. IPv4 is stored in its v4-mapped form (::ffff:a.b.c.d). The kernel lists
/// an IPv4 connection to a dual-stack listener under tcp6 as v4-mapped, so both ends of such a
/// connection compare equal.
public struct IPAddress: Hashable, Sendable {
    /// The first eight bytes of the address as a big-endian number.
    public let high: UInt64
    /// The last eight bytes of the address as a big-endian number.
    public let low: UInt64

    /// An IPv6 address, or an IPv4 address that is v4-mapped already, from its two halves.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its number: 127.0.0.1 is 0x7F000001.
    @inlinable
    public init(v4: UInt32) {
        high = 0
        low = 0xFFFF_0000_0000 | UInt64(v4)
    }

    /// An IPv4 address from its four parts.
    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        self.init(v4: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
    }

    /// `0.0.0.0`: a listener on it takes every IPv4 address.
    public static let anyIPv4 = IPAddress(v4: 0)
    /// `::`: a listener on it takes every IPv6 address and, unless it is v6only, every IPv4
    /// address.
    public static let anyIPv6 = IPAddress(high: 0, low: 0)

    /// Whether this is an IPv4 address, v4-mapped or not.
    @inlinable public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The number of an IPv4 address; nil for IPv6.
    public var v4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Whether this is an IPv6 address of fe80::/10, which identifies a host only together with its
    /// link.
    public var isLinkLocal: Bool { high >> 54 == 0xFE80 >> 6 }

    /// Whether this is in 127.0.0.0/8 or is ::1; both are local in every namespace.
    public var isLoopback: Bool {
        (high == 0) && (low >> 24 == 0xFFFF_7F || low == 1)
    }
}

extension IPAddress: Comparable {
    /// Numeric order, with IPv4 at its v4-mapped place among IPv6: for searches, not for display.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }
}

extension IPAddress: CustomStringConvertible {
    /// The text form: dotted decimal for IPv4, RFC 5952 for IPv6 (lower case, the longest run of
    /// zeros as `::`).
    public var description: String {
        if let v4 {
            return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
        }
        let groups = (0..<8).map { index in
            UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(48 - 16 * (index % 4)))
        }
        let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
        guard let zeros = Self.longestRunOfZeros(groups) else { return text(groups[...]) }
        return text(groups[..<zeros.lowerBound]) + "::" + text(groups[zeros.upperBound...])
    }

    /// The first of the longest runs of at least two zero groups.
    private static func longestRunOfZeros(_ groups: [UInt16]) -> Range<Int>? {
        var longest: Range<Int>?
        var start = 0
        for index in 0...groups.count where index == groups.count || groups[index] != 0 {
            if index - start >= 2, index - start > longest?.count ?? 0 { longest = start..<index }
            start = index + 1
        }
        return longest
    }
}
