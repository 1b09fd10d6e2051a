/// Which end of a connection its TIME_WAIT is, and so who closed first.
package enum Role: String, CaseIterable, Sendable {
    /// The local end is a service's: the service closed first.
    case server
    /// The local end opened the connection, and closed it first.
    case client
    /// Neither can be told: a port outside the range on which nothing listens.
    case other
}

/// Where the other end of a connection is.
package enum Peer: String, CaseIterable, Sendable {
    /// On an address of this network namespace.
    case local
    /// Anywhere else.
    case remote
}

/// TIME_WAIT sockets by role and peer.
package struct TimeWaitCounts: Equatable, Sendable {
    private var counts: [6 of Int] = .init(repeating: 0)

    /// No sockets.
    package init() {}

    /// The sockets of a role whose peer is there.
    package subscript(role: Role, peer: Peer) -> Int {
        get { counts[Self.index(role, peer)] }
        set { counts[Self.index(role, peer)] = newValue }
    }

    /// The sockets of every role whose peer is there.
    package func total(_ peer: Peer) -> Int { Role.allCases.reduce(0) { $0 + self[$1, peer] } }

    /// Adds numbers to numbers.
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

    /// Whether both hold the same numbers.
    package static func == (left: TimeWaitCounts, right: TimeWaitCounts) -> Bool {
        left.counts.indices.allSatisfy { left.counts[$0] == right.counts[$0] }
    }
}
