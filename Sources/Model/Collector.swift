/// What is read together and fails together.
package enum Collector: String, CaseIterable, Sendable {
    /// The socket table: /proc/net/tcp and tcp6.
    case socketTable = "socket_table"
    /// The listeners alone, between two readings of the table; over sock_diag only.
    case listeners
    /// Sockets that are bound and neither listen nor are connected, every minute; over sock_diag of Linux 6.8 only.
    case boundSockets = "bound_sockets"
    /// The namespace's own addresses: /proc/net/fib_trie and if_inet6.
    case localAddresses = "local_addresses"
    /// ip_local_port_range and ip_local_reserved_ports.
    case ephemeralRange = "ephemeral_range"
    /// The local ports of UDP sockets: /proc/net/udp and udp6.
    case udp
    /// The sysctls that hold one number.
    case sysctl
    /// /proc/net/sockstat and sockstat6.
    case sockstat
    /// /proc/net/netstat.
    case netstat
    /// The exporter's own process.
    case process
}

/// How a collector fares.
package struct CollectorStatus: Equatable, Sendable {
    /// Whether its last reading worked.
    package var succeeded = false
    /// When a reading last worked, in seconds since 1970; nil if none did.
    package var lastSuccess: Double?
    /// How long its last reading took, in seconds.
    package var duration = 0.0
    /// CPU time of all its readings, in seconds.
    package var cpuSeconds = 0.0
    /// Failures since the start, by reason.
    package var errors: [String: UInt64]

    /// A collector that has read nothing yet.
    ///
    /// - Parameter reasons: the reasons for which its readings can fail.
    package init(reasons: [String]) {
        errors = Dictionary(uniqueKeysWithValues: reasons.map { ($0, 0) })
    }
}
