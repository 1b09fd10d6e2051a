/// The numeric sysctls of net.ipv4 that control TIME_WAIT and port selection, by the names of their
/// files.
public enum Sysctl: String, CaseIterable, Sendable {
    case tcpFinTimeout = "tcp_fin_timeout"
    case tcpTWReuse = "tcp_tw_reuse"
    /// Milliseconds; kernels before 6.14 have none.
    case tcpTWReuseDelay = "tcp_tw_reuse_delay"
    /// Seconds; only Alibaba Cloud Linux has it.
    case tcpTWTimeout = "tcp_tw_timeout"
    case tcpTimestamps = "tcp_timestamps"
    case tcpRFC1337 = "tcp_rfc1337"
    case tcpMaxTWBuckets = "tcp_max_tw_buckets"
    case ipUnprivilegedPortStart = "ip_unprivileged_port_start"
    case ipAutobindReuse = "ip_autobind_reuse"

    /// The valid values (net/ipv4/sysctl_net_ipv4.c). The kernel also accepts some others, such as
    /// -1 for tcp_max_tw_buckets.
    public var possibleValues: ClosedRange<Int> {
        switch self {
        case .tcpFinTimeout, .tcpMaxTWBuckets: 0...Int(Int32.max)
        case .tcpTWReuse: 0...2
        case .tcpTWReuseDelay: 1...60_000
        case .tcpTWTimeout: 1...600
        case .tcpTimestamps, .tcpRFC1337: 0...255
        case .ipUnprivilegedPortStart: 0...65_535
        case .ipAutobindReuse: 0...1
        }
    }
}

/// The values of the sysctls in one network namespace, in the kernel's own units.
public struct SysctlValues: Equatable, Sendable {
    /// The values that were read, without those that the kernel lacks and those that could not be
    /// read.
    public private(set) var known: [Sysctl: Int] = [:]
    /// Sysctls that exist but gave no valid value, so that their setting is unknown. For a sysctl
    /// that does not exist the kernel's built-in behaviour is known.
    public var unreadable: Set<Sysctl> = []

    /// The value of a sysctl; nil if unknown.
    public subscript(name: Sysctl) -> Int? {
        get { known[name] }
        set { known[name] = newValue }
    }
}

extension SysctlValues: ExpressibleByDictionaryLiteral {
    /// Creates values that were all read.
    public init(dictionaryLiteral elements: (Sysctl, Int)...) {
        known = Dictionary(uniqueKeysWithValues: elements)
    }
}

package struct SysctlChange: Equatable, Sendable {
    /// That of its file, such as `tcp_tw_reuse`.
    package var name: String
    /// Its value before, as the kernel prints it; a list of ports without spaces.
    package var before: String
    /// Its value after.
    package var after: String
    /// When the change was observed.
    package var at: Instant

    package init(name: String, before: String, after: String, at: Instant) {
        self.name = name
        self.before = before
        self.after = after
        self.at = at
    }
}

/// The values of /proc/net/sockstat and sockstat6 that are per network namespace (`orphan`, `alloc`
/// and `mem` are global). Unreadable values are nil.
public struct SocketStatistics: Equatable, Sendable {
    /// `TCP: inuse` and `TCP6: inuse`: sockets in the table that are neither TIME_WAIT nor unowned
    /// FIN_WAIT2.
    public var inUse: Int?
    /// `TCP: tw`: TIME_WAIT and unowned FIN_WAIT2 together, of both families.
    public var timeWaitBuckets: Int?

    /// Creates the values of one moment.
    public init(inUse: Int?, timeWaitBuckets: Int?) {
        self.inUse = inUse
        self.timeWaitBuckets = timeWaitBuckets
    }
}

/// The counters of `TcpExt` in /proc/net/netstat about TIME_WAIT, since the network namespace was
/// created. Unreadable counters are nil.
public struct TimeWaitCounters: Equatable, Sendable {
    /// `TW`. Since Linux 5.18, mini-sockets that were created with a timeout above 4 s; before,
    /// those that expired.
    public var timeWait: UInt64?
    /// `TWKilled`: the same for timeouts of at most 4 s. Nothing is killed.
    public var killed: UInt64?
    /// `TWRecycled`: TIME_WAITs whose ports a connect() took over.
    public var recycled: UInt64?
    /// `TCPTimeWaitOverflow`: connections that got no TIME_WAIT because of tcp_max_tw_buckets or a
    /// lack of memory.
    public var overflow: UInt64?

    /// Creates the counters of one moment.
    public init(timeWait: UInt64?, killed: UInt64?, recycled: UInt64?, overflow: UInt64?) {
        self.timeWait = timeWait
        self.killed = killed
        self.recycled = recycled
        self.overflow = overflow
    }

    /// The sum of TW and TWKilled, which wraps like the kernel's unsigned long.
    public var counted: UInt64? {
        guard let timeWait, let killed else { return nil }
        return timeWait &+ killed
    }
}

/// What TW and TWKilled count: TIME_WAITs that begin (since Linux 5.18), or TIME_WAITs that expire
/// (before).
package enum CountedEvent: Sendable {
    case entries
    case expiries
}

/// The `process_*` values of every Prometheus client library, for the exporter's own process.
public struct ProcessFacts: Equatable, Sendable {
    /// User and system CPU time since the start, in seconds.
    public var cpuSeconds: Double
    /// Open file descriptors.
    public var openDescriptors: Int
    /// The limit of open file descriptors (RLIMIT_NOFILE, the soft one); nil where it cannot be
    /// known.
    public var descriptorLimit: UInt64?
    /// Virtual memory in bytes.
    public var virtualMemory: Int
    /// Resident memory in bytes.
    public var residentMemory: Int
    /// When the process started, in seconds since 1970.
    public var startTime: Double
    /// Threads of the process.
    public var threads: Int

    /// Creates the values of one moment.
    public init(
        cpuSeconds: Double,
        openDescriptors: Int,
        descriptorLimit: UInt64?,
        virtualMemory: Int,
        residentMemory: Int,
        startTime: Double,
        threads: Int
    ) {
        self.cpuSeconds = cpuSeconds
        self.openDescriptors = openDescriptors
        self.descriptorLimit = descriptorLimit
        self.virtualMemory = virtualMemory
        self.residentMemory = residentMemory
        self.startTime = startTime
        self.threads = threads
    }
}
