/// Where a socket listens, or did: what bind() was asked for.
package struct ListenerEnd: Hashable, Sendable {
    package let address: IPAddress
    package let port: Port
    /// The interface it is bound to, by its index; 0 for all.
    package let device: UInt32
    /// Whether a listener on `::` takes IPv6 only.
    package let isV6Only: Bool

    /// The end of a LISTEN row.
    package init(_ row: borrowing SocketRow) {
        address = row.localAddress
        port = row.localPort
        device = row.device
        isV6Only = row.isV6Only
    }

    /// Whether every connection that came to the other end would come to this one.
    package func covers(_ other: ListenerEnd) -> Bool {
        guard port == other.port, device == 0 || device == other.device else { return false }
        if address == other.address { return !isV6Only || other.isV6Only || address != .anyIPv6 }
        return takes(other.address)
    }

    /// Whether this end and a socket may not both have the port, were neither to allow it by its options
    /// (inet_rcv_saddr_equal(), net/ipv4/inet_connection_sock.c).
    package func overlaps(_ row: borrowing SocketRow) -> Bool { overlaps(ListenerEnd(row)) }

    private func overlaps(_ other: ListenerEnd) -> Bool {
        guard device == 0 || other.device == 0 || device == other.device else { return false }
        if address == other.address || takes(other.address) || other.takes(address) { return true }
        // An IPv6 socket that is not IPv6 only keeps 0.0.0.0 out wherever it is itself (ipv4_rcv_saddr_equal()); of a
        // connection the kernel does not tell, and then it is false.
        return address == .anyIPv4 && !other.address.isIPv4 && !other.isV6Only
    }

    /// Whether TIME_WAITs of connections that were accepted at an end keep a socket from being bound to this one, unless
    /// both of them allow it by their options.
    ///
    /// A TIME_WAIT has the address that its client dialed. Of those that a wildcard accepted none is taken to have this
    /// end's own: a socket that listens here has had them since it is there.
    package func isBlocked(byTimeWaitsOf accepting: ListenerEnd) -> Bool {
        if self == accepting { return true }
        let isWildcard = accepting.address == .anyIPv4 || accepting.address == .anyIPv6
        if isWildcard, address != .anyIPv4, address != .anyIPv6 { return false }
        return overlaps(accepting)
    }

    /// Whether this end is a wildcard that stands for an address.
    package func takes(_ other: IPAddress) -> Bool {
        switch address {
        case .anyIPv4: other.isIPv4
        case .anyIPv6: !(isV6Only && other.isIPv4)
        default: false
        }
    }
}
