package import Model

/// Whether the next connect() to the same destination may take over a TIME_WAIT: tcp_twsk_unique(),
/// net/ipv4/tcp_ipv4.c.
///
/// The kernel does so only where the connection had timestamps, which need both ends. A row does
/// not show them.
struct ReuseRule: Equatable, Sendable {
    /// What is known of the TIME_WAITs towards a destination.
    enum Standing: Equatable, Sendable {
        /// They cannot be reused.
        case never
        /// They can, once they are old enough.
        case afterDelay
        /// They can if the other end has timestamps, and nobody knows whether it has.
        case unknown
    }

    private let mode: Int
    /// The age in milliseconds above which one may be taken.
    let delay: Int

    /// The rule of a namespace; nil where a sysctl that decides could not be read.
    init?(_ sysctls: SysctlValues) {
        guard sysctls.unreadable.isDisjoint(with: [.tcpTWReuseDelay, .tcpTWTimeout]) else { return nil }
        guard let mode = sysctls[.tcpTWReuse], let timestamps = sysctls[.tcpTimestamps] else { return nil }
        self.mode = timestamps == 0 ? 0 : mode
        // Before Linux 6.14 more than one second, by a clock of seconds: at two seconds it is
        // certain.
        delay = sysctls[.tcpTWReuseDelay] ?? 2000
    }

    /// What is known of a destination's TIME_WAITs.
    ///
    /// - Parameters:
    ///   - isOwn: whether the destination is an address of this namespace: then both ends have its
    ///     timestamps.
    ///   - hasTimestamps: what is known of the timestamps of another host.
    func standing(_ destination: Destination, isOwn: Bool, hasTimestamps: Bool?) -> Standing {
        switch mode {
        case 0: .never
        case 2:
            // Bound to lo counts as well, which has the index 1 in every namespace
            // (LOOPBACK_IFINDEX).
            destination.source.isLoopback || destination.address.isLoopback || destination.device == 1
                ? .afterDelay : .never
        default:
            if isOwn {
                .afterDelay
            } else {
                switch hasTimestamps {
                case nil: .unknown
                case true?: .afterDelay
                case false?: .never
                }
            }
        }
    }
}

/// A question to the kernel that a row leaves open: has this live connection TCP timestamps?
package struct TimestampQuestion: Equatable, Sendable {
    /// Where the connection goes, and from where.
    package let destination: Destination
    package let localPort: Port
    package let cookie: UInt64
}

/// What is known of the TCP timestamps of other hosts, without which no TIME_WAIT towards them is
/// reused.
///
/// The kernel says it of a live connection, if asked. Where connections are too short for that,
/// reuse itself shows it: the tuple of a TIME_WAIT is a new connection's in the next reading, and
/// TWRecycled has counted at least as many as there are of those.
struct PeerTimestamps: Sendable {
    /// The most TIME_WAITs that are remembered from one reading to the next.
    private static let limit = 65_536

    private var known: [Destination: Bool] = [:]
    private var recycledBefore: UInt64?
    private var before: (at: Instant, timeWaits: Set<UInt64>)?

    // Of this reading.
    private var now = Instant(nanoseconds: 0)
    private var recycled: UInt64?
    private var timeWaits: Set<UInt64> = []
    /// Connections that took over a TIME_WAIT, by their destinations.
    private var takeovers: [Destination: UInt64] = [:]

    /// Whether a destination has timestamps; nil where nobody knows.
    subscript(destination: Destination) -> Bool? { known[destination] }

    /// Takes in what a connection said.
    mutating func learn(_ destination: Destination, hasTimestamps: Bool) { known[destination] = hasTimestamps }

    /// Starts a reading.
    ///
    /// - Parameter recycled: TWRecycled.
    mutating func begin(at now: Instant, recycled: UInt64?) {
        self.now = now
        self.recycled = recycled
        timeWaits.removeAll(keepingCapacity: true)
        takeovers.removeAll(keepingCapacity: true)
    }

    /// Takes in the row of a destination of which nothing is known.
    mutating func watch(_ row: borrowing SocketRow, of destination: Destination, age: Double) {
        let connection = row.connection
        if let before, before.timeWaits.contains(connection), row.state != .timeWait || age < now - before.at {
            takeovers[destination, default: 0] += 1
        }
        if row.state == .timeWait, timeWaits.count < Self.limit { timeWaits.insert(connection) }
    }

    /// Ends the reading.
    ///
    /// - Parameter destinations: those that are still followed.
    mutating func finish(keeping destinations: some Sequence<Destination>) {
        if let recycled, let recycledBefore, recycled >= recycledBefore {
            let counted = takeovers.values.reduce(0, +)
            if recycled - recycledBefore >= counted { for destination in takeovers.keys { known[destination] = true } }
        }
        recycledBefore = recycled
        before = (now, timeWaits)
        let followed = Set(destinations)
        known = known.filter { followed.contains($0.key) }
    }
}
