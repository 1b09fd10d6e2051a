/// The family of a socket's address after normalising: v4-mapped IPv6 is IPv4, a wildcard `::` is
/// IPv6.
package enum AddressFamily: String, CaseIterable, Sendable {
    case ipv4
    case ipv6
}

/// Rows of the socket table by family and state.
package struct TableCounts: Equatable, Sendable {
    /// The states that every source reports. NEW_SYN_RECV counts as SYN_RECV, which is what the
    /// kernel prints.
    package static let states = TCPState.allCases.filter { $0 != .newSynRecv && $0 != .boundInactive }

    private var counts: [28 of Int] = .init(repeating: 0)

    package init() {}

    /// The rows of a family in a state.
    package subscript(family: AddressFamily, state: TCPState) -> Int {
        get { counts[Self.index(family, state)] }
        set { counts[Self.index(family, state)] = newValue }
    }

    /// The rows of both families in a state.
    package func total(of state: TCPState) -> Int {
        AddressFamily.allCases.reduce(0) { $0 + self[$1, state] }
    }

    private static func index(_ family: AddressFamily, _ state: TCPState) -> Int {
        let state = state == .newSynRecv ? TCPState.synRecv : state
        return Int(state.rawValue) + (family == .ipv4 ? 0 : 14)
    }

    package static func == (left: TableCounts, right: TableCounts) -> Bool {
        left.counts.indices.allSatisfy { left.counts[$0] == right.counts[$0] }
    }
}

/// The end of a connection that holds the TIME_WAIT, which is the end that closed first.
package enum Role: String, CaseIterable, Sendable {
    /// The local end is a service, which closed first.
    case server
    /// The local end opened the connection and closed it first.
    case client
    /// Unknown: a port outside the range without a listener.
    case other
}

/// The location of a connection's other end.
package enum Peer: String, CaseIterable, Sendable {
    /// On an address of this network namespace.
    case local
    /// Anywhere else.
    case remote
}

/// TIME_WAIT sockets by role and peer.
package struct TimeWaitCounts: Equatable, Sendable {
    private var counts: [6 of Int] = .init(repeating: 0)

    package init() {}

    /// The sockets of a role with such a peer.
    package subscript(role: Role, peer: Peer) -> Int {
        get { counts[Self.index(role, peer)] }
        set { counts[Self.index(role, peer)] = newValue }
    }

    /// The sockets of all roles with such a peer.
    package func total(_ peer: Peer) -> Int { Role.allCases.reduce(0) { $0 + self[$1, peer] } }

    package var total: Int { total(.local) + total(.remote) }

    package static func += (left: inout TimeWaitCounts, right: TimeWaitCounts) {
        for index in left.counts.indices { left.counts[index] += right.counts[index] }
    }

    private static func index(_ role: Role, _ peer: Peer) -> Int {
        let row =
            switch role {
            case .server: 0
            case .client: 2
            case .other: 4
            }
        return peer == .local ? row : row + 1
    }

    package static func == (left: TimeWaitCounts, right: TimeWaitCounts) -> Bool {
        left.counts.indices.allSatisfy { left.counts[$0] == right.counts[$0] }
    }
}
