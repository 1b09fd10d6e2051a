import Ports

/// Whether the next connect() to the same destination may take over a TIME_WAIT: tcp_twsk_unique(),
/// net/ipv4/tcp_ipv4.c. Whether both ends really used timestamps is not to be seen.
struct ReuseRule: Equatable, Sendable {
    private let mode: Int
    /// The age in milliseconds above which one may be taken.
    private let delay: Int

    /// The rule of a namespace; nil where a sysctl that decides could not be read.
    init?(_ sysctls: SysctlValues) {
        guard let mode = sysctls[.tcpTWReuse], let timestamps = sysctls[.tcpTimestamps] else { return nil }
        self.mode = timestamps == 0 ? 0 : mode
        // Before Linux 6.14 more than one second, by a clock of seconds: at two seconds it is certain.
        delay = sysctls[.tcpTWReuseDelay] ?? 2000
    }

    /// Whether its TIME_WAITs can be taken at all.
    func applies(_ source: IPAddress, _ destination: IPAddress) -> Bool {
        switch mode {
        case 0: false
        case 2: source.isLoopback || destination.isLoopback
        default: true
        }
    }

    /// Whether this TIME_WAIT can be taken now.
    @inline(__always)
    func allows(_ row: borrowing SocketRow) -> Bool {
        guard mode != 0, 60_000 - Int(row.timerRemaining) > delay else { return false }
        return applies(row.localAddress, row.remoteAddress)
    }
}
