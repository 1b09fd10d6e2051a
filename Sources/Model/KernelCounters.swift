/// The numbers of /proc/net/sockstat and sockstat6 that are the namespace's own (`orphan`, `alloc` and `mem` are the
/// machine's). What could not be read is nil.
public struct SocketStatistics: Equatable, Sendable {
    /// `TCP: inuse` and `TCP6: inuse`: sockets in the table that are neither TIME_WAIT nor unowned FIN_WAIT2.
    public var inUse: Int?
    /// `TCP: tw`: TIME_WAIT and unowned FIN_WAIT2 together, of both families.
    public var timeWaitBuckets: Int?

    /// The numbers of one moment.
    public init(inUse: Int?, timeWaitBuckets: Int?) {
        self.inUse = inUse
        self.timeWaitBuckets = timeWaitBuckets
    }
}

/// The counters of /proc/net/netstat's `TcpExt` that tell of TIME_WAIT, per network namespace, since it was made. What
/// could not be read is nil.
public struct TimeWaitCounters: Equatable, Sendable {
    /// `TW`. Since Linux 5.18 mini-sockets that were made with a time of more than 4 s; before, those that expired.
    public var timeWait: UInt64?
    /// `TWKilled`: the same for times of at most 4 s. Nothing is killed.
    public var killed: UInt64?
    /// `TWRecycled`: TIME_WAITs whose ports a connect() took over.
    public var recycled: UInt64?
    /// `TCPTimeWaitOverflow`: connections that got no TIME_WAIT because of tcp_max_tw_buckets, or for want of memory.
    public var overflow: UInt64?

    /// The counters of one moment.
    public init(timeWait: UInt64?, killed: UInt64?, recycled: UInt64?, overflow: UInt64?) {
        self.timeWait = timeWait
        self.killed = killed
        self.recycled = recycled
        self.overflow = overflow
    }

    /// TW and TWKilled together, which wraps as the kernel's unsigned longs do.
    public var counted: UInt64? {
        guard let timeWait, let killed else { return nil }
        return timeWait &+ killed
    }
}

/// What the kernel's counters TW and TWKilled count: TIME_WAITs that begin since Linux 5.18, TIME_WAITs that
/// expire before.
package enum CountedEvent: Sendable {
    case entries
    case expiries
}
