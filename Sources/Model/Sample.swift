/// Everything known at one moment. Values that could not be read are nil.
package struct Sample: Sendable {
    /// The moment of the sample.
    package var now = Instant(nanoseconds: 0)
    /// The moment of the last reading of the socket table, by the monotonic clock and in seconds
    /// since 1970.
    package var readAt: (moment: Instant, time: Double)?
    /// The report of the last reading of the socket table.
    package var ports: PortReport?
    /// The source of the socket table; nil before the first successful reading.
    package var source: TableSource?
    /// The names of the interfaces of the shown destinations, by index.
    package var deviceNames: [UInt32: String] = [:]
    /// The highest `dialedPorts` of the last five minutes.
    package var dialedPortsPeak: Int?
    /// The ephemeral range and the reserved ports.
    package var portSysctls = PortSysctls()
    /// The local ports of UDP sockets.
    package var udpPorts: PortSet?
    /// The chosen UDP service ports, and the number omitted by the limit.
    package var udpServices: (lines: [ServiceLine], omitted: Int)?
    /// Those with one number, such as tcp_fin_timeout.
    package var sysctls: SysctlValues?
    /// The observed changes of each sysctl since the start.
    package var sysctlChanges: [String: UInt64] = [:]
    /// The last observed change of each sysctl.
    package var latestSysctlChanges: [SysctlChange] = []
    package var history = History()
    /// Of sockstat and sockstat6.
    package var statistics: SocketStatistics?
    /// The highest `tw` of sockstat in the last minute.
    package var bucketsPeak: Int?
    /// Of netstat.
    package var counters: TimeWaitCounters?
    /// What TW and TWKilled count on this kernel; nil until their behaviour shows it.
    package var countedEvent: CountedEvent?
    package var process: ProcessFacts?
    /// Who closed first; nil where that is not traced.
    package var closers: CloserReport?
    /// The state of the collectors in use, and the counters of those that were in use before.
    package var collectors: [Collector: CollectorStatus] = [:]
    /// The seconds between two readings of the socket table.
    package var interval = 0.0
    /// How many TIME_WAITs are recognised from one reading of the socket table to the next.
    package var socketsLimit = 0
    /// The configured interval in seconds.
    package var requestedInterval = 0.0

    /// The ephemeral range with the reserved ports; nil if one of the two is unknown.
    package var range: EphemeralRange? { portSysctls.range }

    package init() {}
}

/// A group of values that is read, and fails, as one.
package enum Collector: String, CaseIterable, Sendable {
    /// The socket table, over sock_diag or from /proc/net/tcp and tcp6.
    case socketTable = "socket_table"
    /// LISTEN sockets only, between two readings of the table; over sock_diag only.
    case listeners
    /// Sockets that are bound, and neither listen nor are connected, at least every minute; needs
    /// sock_diag of Linux 6.8.
    case boundSockets = "bound_sockets"
    /// The namespace's own addresses, over rtnetlink or from /proc/net/fib_trie and if_inet6.
    case localAddresses = "local_addresses"
    /// ip_local_port_range and ip_local_reserved_ports.
    case ephemeralRange = "ephemeral_range"
    /// The local ports of UDP sockets: /proc/net/udp and udp6.
    case udp
    /// The sysctls with one number, a file each.
    case sysctl
    /// /proc/net/sockstat and sockstat6.
    case sockstat
    /// /proc/net/netstat.
    case netstat
    /// Who closes first, by a tracepoint; with `--who` only.
    case who
    /// The exporter's own process.
    case process
}

package struct CollectorStatus: Equatable, Sendable {
    /// Whether it is read now. Of one that is not, only the counters say anything.
    package var isInUse = true
    /// Whether its last reading succeeded.
    package var succeeded = false
    /// When a reading last succeeded, in seconds since 1970; nil if none did.
    package var lastSuccess: Double?
    /// The duration of its last reading in seconds.
    package var duration = 0.0
    /// The CPU time of all its readings in seconds.
    package var cpuSeconds = 0.0
    /// Failures since the start, by reason.
    package var errors: [String: UInt64]

    /// - Parameter reasons: the possible reasons of a failure; each starts at 0.
    package init(reasons: [String]) {
        errors = Dictionary(uniqueKeysWithValues: reasons.map { ($0, 0) })
    }
}

/// The ways to read the socket table, by the label `source` of `timewait_sampler_source_info`.
package enum TableSource: String, CaseIterable, Sendable {
    /// A dump over NETLINK_SOCK_DIAG.
    case sockDiag = "sock_diag"
    /// /proc/net/tcp and tcp6.
    case procfs
}
