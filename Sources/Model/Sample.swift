/// All that is known at one moment. What could not be read is nil.
package struct Sample: Sendable {
    /// The moment of the sample.
    package var now = Instant(nanoseconds: 0)
    /// The moment of the last reading of the socket table, by the monotonic clock and in seconds since 1970.
    package var readAt: (moment: Instant, time: Double)?
    /// The report of the last reading of the socket table.
    package var ports: PortReport?
    /// Where the socket table was read; nil before the first reading that worked.
    package var source: TableSource?
    /// The names of the interfaces that shown destinations are bound to, by their indexes.
    package var deviceNames: [UInt32: String] = [:]
    /// The highest number of dialed LISTEN ports of the last five minutes.
    package var dialedPortsPeak: Int?
    /// The ephemeral range and the reserved ports.
    package var portSysctls = PortSysctls()
    /// The local ports of UDP sockets.
    package var udpPorts: PortSet?
    /// The chosen UDP service ports, and how many the limit leaves out.
    package var udpServices: (lines: [ServiceLine], omitted: Int)?
    /// The sysctls that hold one number.
    package var sysctls: SysctlValues?
    /// How often each sysctl was seen to change.
    package var sysctlChanges: [String: UInt64] = [:]
    /// The last change of each sysctl that was seen to change.
    package var latestSysctlChanges: [SysctlChange] = []
    /// The last hour.
    package var history = History()
    /// sockstat and sockstat6.
    package var statistics: SocketStatistics?
    /// The highest `tw` of sockstat in the last minute.
    package var bucketsPeak: Int?
    /// netstat.
    package var counters: TimeWaitCounters?
    /// What TW and TWKilled count on this kernel; nil until their behaviour has told.
    package var countedEvent: CountedEvent?
    /// The exporter's own process.
    package var process: ProcessFacts?
    /// The collectors that are in use.
    package var collectors: [Collector: CollectorStatus] = [:]
    /// The seconds between two readings of the socket table.
    package var interval = 0.0
    /// The interval that was asked for, in seconds.
    package var requestedInterval = 0.0

    /// The ephemeral range with its reserved ports; nil where one of the two is not known.
    package var range: EphemeralRange? { portSysctls.range }

    /// A sample in which nothing is known.
    package init() {}
}
