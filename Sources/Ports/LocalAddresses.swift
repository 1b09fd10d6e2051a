/// The addresses of one network namespace: what tells a local peer from a remote one.
///
/// 127.0.0.0/8 and ::1 always belong to it. The rest are the addresses of its interfaces, and prefixes that a route of
/// type `local` gives to it whole (`ip route add local 198.51.100.0/24 dev lo`).
public struct LocalAddresses: Equatable, Sendable {
    /// An IPv4 prefix that is local as a whole.
    public struct Prefix: Hashable, Sendable {
        private let network: UInt32
        private let mask: UInt32

        /// The prefix of an address' first `length` bits, 0 to 32.
        public init(_ address: UInt32, length: Int) {
            mask = length == 0 ? 0 : UInt32.max << UInt32(32 - length)
            network = address & mask
        }

        /// Whether an IPv4 address lies in the prefix.
        func contains(_ address: UInt32) -> Bool { address & mask == network }
    }

    /// Sorted, so that a row's address is found in a few steps on a host with thousands of them.
    private let addresses: [IPAddress]
    private let prefixes: [Prefix]

    /// The given addresses and prefixes, each of which may be named more than once.
    public init(_ addresses: some Sequence<IPAddress> = [], prefixes: some Sequence<Prefix> = []) {
        self.addresses = Set(addresses).sorted()
        self.prefixes = Array(Set(prefixes))
    }

    /// Whether the address is one of the namespace's own.
    public func contains(_ address: IPAddress) -> Bool {
        if address.isLoopback { return true }
        var (low, high) = (0, addresses.count)
        while low < high {
            let middle = (low + high) / 2
            if addresses[middle] == address { return true }
            if addresses[middle] < address { low = middle + 1 } else { high = middle }
        }
        if !prefixes.isEmpty, let v4 = address.v4 {
            return prefixes.contains { $0.contains(v4) }
        }
        return false
    }

    /// Both sets of addresses together: the ones of IPv4 and of IPv6, which stand in different files.
    public func union(_ other: LocalAddresses) -> LocalAddresses {
        LocalAddresses(addresses + other.addresses, prefixes: prefixes + other.prefixes)
    }

    /// Whether both hold the same addresses and prefixes.
    public static func == (left: LocalAddresses, right: LocalAddresses) -> Bool {
        left.addresses == right.addresses && Set(left.prefixes) == Set(right.prefixes)
    }
}
