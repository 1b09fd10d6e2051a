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
    /// The numeric sysctls.
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
    /// The state of the collectors in use.
    package var collectors: [Collector: CollectorStatus] = [:]
    /// The seconds between two readings of the socket table.
    package var interval = 0.0
    /// The configured interval in seconds.
    package var requestedInterval = 0.0

    /// The ephemeral range with the reserved ports; nil if one of the two is unknown.
    package var range: EphemeralRange? { portSysctls.range }

    package init() {}
}

/// A group of values that is read, and fails, as one.
package enum Collector: String, CaseIterable, Sendable {
    /// The socket table: /proc/net/tcp and tcp6.
    case socketTable = "socket_table"
    /// LISTEN sockets only, between two readings of the table; over sock_diag only.
    case listeners
    /// Sockets that are bound, and neither listen nor are connected, every minute; needs sock_diag
    /// of Linux 6.8.
    case boundSockets = "bound_sockets"
    /// The namespace's own addresses: /proc/net/fib_trie and if_inet6.
    case localAddresses = "local_addresses"
    /// ip_local_port_range and ip_local_reserved_ports.
    case ephemeralRange = "ephemeral_range"
    /// The local ports of UDP sockets: /proc/net/udp and udp6.
    case udp
    /// The numeric sysctls.
    case sysctl
    /// /proc/net/sockstat and sockstat6.
    case sockstat
    /// /proc/net/netstat.
    case netstat
    /// The exporter's own process.
    case process
}

/// The state of a collector.
package struct CollectorStatus: Equatable, Sendable {
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

/// A moment on the kernel's monotonic clock. Setting the time does not change this clock, and it
/// stops while the machine is suspended, as the timers of TIME_WAIT do.
public struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock started.
    public let nanoseconds: Int64

    /// Creates a moment from its nanoseconds.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Whether `left` is earlier.
    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The moment `seconds` later.
    public static func + (instant: Instant, seconds: Double) -> Instant {
        Instant(nanoseconds: instant.nanoseconds + Int64(seconds * 1e9))
    }

    /// The seconds from `right` to `left`.
    public static func - (left: Instant, right: Instant) -> Double {
        Double(left.nanoseconds - right.nanoseconds) / 1e9
    }
}

/// The `process_*` values of every Prometheus client library, for the exporter's own process.
public struct ProcessFacts: Equatable, Sendable {
    /// User and system CPU time since the start, in seconds.
    public var cpuSeconds: Double
    /// Open file descriptors.
    public var openDescriptors: Int
    /// The limit of open file descriptors (RLIMIT_NOFILE, the soft one).
    public var descriptorLimit: UInt64
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
        descriptorLimit: UInt64,
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
