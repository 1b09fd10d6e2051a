/// The family of a socket's address after normalising: v4-mapped IPv6 is IPv4, a wildcard `::` is IPv6.
package enum AddressFamily: String, CaseIterable, Sendable {
    case ipv4
    case ipv6
}

/// Rows of the socket table by family and state.
package struct TableCounts: Equatable, Sendable {
    /// The states that every source tells and that have a number of their own; NEW_SYN_RECV goes under SYN_RECV, as the
    /// kernel prints it.
    package static let states = TCPState.allCases.filter { $0 != .newSynRecv && $0 != .boundInactive }

    private var counts: [28 of Int] = .init(repeating: 0)

    /// No rows.
    package init() {}

    /// The rows of a family in a state.
    package subscript(family: AddressFamily, state: TCPState) -> Int {
        get { counts[Self.index(family, state)] }
        set { counts[Self.index(family, state)] = newValue }
    }

    private static func index(_ family: AddressFamily, _ state: TCPState) -> Int {
        let state = state == .newSynRecv ? TCPState.synRecv : state
        return Int(state.rawValue) + (family == .ipv4 ? 0 : 14)
    }

    /// Whether both hold the same numbers.
    package static func == (left: TableCounts, right: TableCounts) -> Bool {
        left.counts.indices.allSatisfy { left.counts[$0] == right.counts[$0] }
    }
}
