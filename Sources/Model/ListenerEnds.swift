/// The ends of one port's listeners, of which there may be thousands, one for each address.
package struct ListenerEnds: Sendable {
    package let all: [ListenerEnd]
    /// The ends by their addresses; nil where there are so few that a walk is faster.
    private let byAddress: [IPAddress: [ListenerEnd]]?

    package init(_ ends: some Collection<ListenerEnd>) {
        all = Array(ends)
        byAddress = all.count > 8 ? Dictionary(grouping: all, by: \.address) : nil
    }

    /// Whether one of them is on an address, or on all of its family.
    package func listen(on address: IPAddress) -> Bool {
        concern(address) { $0.address == address || $0.takes(address) }
    }

    /// Whether one of them would accept every connection that another end accepts.
    package func cover(_ other: ListenerEnd) -> Bool {
        concern(other.address) { $0.covers(other) }
    }

    /// Whether one of them and a socket conflict on their port: see `ListenerEnd.overlaps`.
    package func overlap(_ row: borrowing SocketRow) -> Bool {
        let end = ListenerEnd(row)
        return end.isWildcard ? all.contains { $0.overlaps(end) } : concern(end.address) { $0.overlaps(end) }
    }

    /// Whether one of the ends that can concern an address does: those on it, and the wildcards.
    private func concern(_ address: IPAddress, _ does: (ListenerEnd) -> Bool) -> Bool {
        guard let byAddress else { return all.contains(where: does) }
        for address in [address, .anyIPv4, .anyIPv6] where byAddress[address]?.contains(where: does) == true {
            return true
        }
        return false
    }
}
