/// The addresses of one network namespace, which classify peers as local or remote.
///
/// 127.0.0.0/8 and ::1 are always included. The others are the addresses of the interfaces, and the
/// prefixes that the local routing table declares local as a whole (`ip route add local
/// 198.51.100.0/24 dev lo`, AnyIP). A link-local address is local on its own interface only: on
/// another it may be another host's.
public struct LocalAddresses: Equatable, Sendable {
    /// A range of addresses that are all local.
    public struct Prefix: Equatable, Sendable {
        fileprivate let first: IPAddress
        fileprivate let last: IPAddress

        /// The addresses that share their first `length` bits with one, 0 to 32 for IPv4 and 0 to
        /// 128 for IPv6.
        public init(_ address: IPAddress, length: Int) {
            let length = address.isIPv4 ? 96 + length : length
            let high: UInt64 = length >= 64 ? 0 : .max >> UInt64(length)
            let low: UInt64 = length <= 64 ? .max : length >= 128 ? 0 : .max >> UInt64(length - 64)
            first = IPAddress(high: address.high & ~high, low: address.low & ~low)
            last = IPAddress(high: address.high | high, low: address.low | low)
        }

        /// A single address.
        public init(_ address: IPAddress) {
            (first, last) = (address, address)
        }
    }

    /// A link-local address and the index of its interface.
    public struct LinkLocal: Hashable, Sendable {
        let address: IPAddress
        let device: UInt32

        /// Creates a link-local address.
        public init(_ address: IPAddress, device: UInt32) {
            self.address = address
            self.device = device
        }
    }

    /// Sorted ranges that neither overlap nor touch, so that a binary search finds an address
    /// however many prefixes there are and however they nest.
    private var ranges: [Prefix] = []
    private let linkLocal: Set<LinkLocal>
    private let linkLocalAddresses: Set<IPAddress>

    /// - Parameter prefixes: may overlap and repeat.
    public init(_ prefixes: some Sequence<Prefix> = [], linkLocal: some Sequence<LinkLocal> = []) {
        self.linkLocal = Set(linkLocal)
        linkLocalAddresses = Set(self.linkLocal.map(\.address))
        for prefix in prefixes.flatMap(\.withoutIPv4).sorted(by: { $0.first < $1.first }) {
            if let last = ranges.last, prefix.first <= last.last || last.last.isFollowed(by: prefix.first) {
                let range = Prefix(first: last.first, last: max(last.last, prefix.last))
                ranges[ranges.count - 1] = range
            } else {
                ranges.append(prefix)
            }
        }
    }

    /// Whether the address is one of the namespace's own.
    ///
    /// - Parameter device: the index of the interface that the socket is bound to, which matters
    ///   for link-local addresses; 0 if unknown.
    public func contains(_ address: IPAddress, device: UInt32 = 0) -> Bool {
        if address.isLoopback { return true }
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if address < ranges[middle].first {
                high = middle
            } else if ranges[middle].last < address {
                low = middle + 1
            } else {
                return true
            }
        }
        guard address.isLinkLocal else { return false }
        return device == 0
            ? linkLocalAddresses.contains(address) : linkLocal.contains(LinkLocal(address, device: device))
    }

    /// The addresses in either set.
    public func union(_ other: LocalAddresses) -> LocalAddresses {
        LocalAddresses(ranges + other.ranges, linkLocal: linkLocal.union(other.linkLocal))
    }
}

extension LocalAddresses.Prefix {
    /// The prefix itself, or, if an IPv6 prefix spans the v4-mapped addresses, which are IPv4
    /// addresses here, its two parts around them.
    fileprivate var withoutIPv4: [Self] {
        let mapped = Self(.anyIPv4, length: 0)
        guard first < mapped.first, mapped.last < last else { return [self] }
        return [
            Self(first: first, last: IPAddress(high: 0, low: mapped.first.low - 1)),
            Self(first: IPAddress(high: 0, low: mapped.last.low + 1), last: last),
        ]
    }

    fileprivate init(first: IPAddress, last: IPAddress) {
        self.first = first
        self.last = last
    }
}

extension IPAddress {
    /// Whether `next` is this address plus one.
    fileprivate func isFollowed(by next: IPAddress) -> Bool {
        let (sum, carry) = low.addingReportingOverflow(1)
        return next.low == sum && next.high == (carry ? high &+ 1 : high)
    }
}
