/// An IPv4 or IPv6 address. IPv4 is held as its v4-mapped form (::ffff:a.b.c.d), so that a connection over IPv4 to a
/// dual-stack listener, which the kernel shows in tcp6 as v4-mapped, compares equal to the same connection's other end
/// in tcp.
public struct IPAddress: Hashable, Sendable {
    /// The first eight bytes of the address as a big-endian number.
    public let high: UInt64
    /// The last eight bytes of the address as a big-endian number.
    public let low: UInt64

    /// An IPv6 address, or an IPv4 address that is v4-mapped already, from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its number: 127.0.0.1 is 0x7F000001.
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
    /// `::`: a listener on it takes every IPv6 address and, unless it is v6only, every IPv4 address.
    public static let anyIPv6 = IPAddress(high: 0, low: 0)

    /// Whether this is an IPv4 address, v4-mapped or not.
    public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The number of an IPv4 address; nil for IPv6.
    public var v4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Whether this is an IPv6 address of fe80::/10, which means a host only together with a link.
    public var isLinkLocal: Bool { high >> 54 == 0xFE80 >> 6 }

    /// Whether this is 127.0.0.0/8 or ::1, which are every namespace's own.
    public var isLoopback: Bool {
        (high == 0) && (low >> 24 == 0xFFFF_7F || low == 1)
    }
}

extension IPAddress: Comparable {
    /// The order of the numbers, IPv4 among IPv6 at its v4-mapped place: made for searching, not for reading.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }
}
