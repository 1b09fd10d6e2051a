import Exposition
import Model

extension Catalogue {
    /// TIME_WAIT and the socket table as a whole.
    static let sockets: [Entry] = [
        Entry(
            .socketTable,
            .gauge,
            "timewait_table_sockets",
            "TCP sockets by address family (v4-mapped IPv6 counts as ipv4) and state: rows of /proc/net/tcp and tcp6 by st.",
            .interval
        ) { input, writer in
            guard let report = input.sample.ports else { return }
            let table = report.table
            for family in AddressFamily.allCases {
                for state in TableCounts.states {
                    writer.sample(MetricValue(table[family, state]), ["family": family.rawValue, "state": state.name])
                }
                guard report.knowsBound else { continue }
                let state = TCPState.boundInactive
                writer.sample(MetricValue(table[family, state]), ["family": family.rawValue, "state": state.name])
            }
        },
        byOwner(
            .gauge,
            "timewait_sockets",
            "TIME_WAIT sockets by which end closed first (role: server, client, other where it cannot be told) and where the "
                + "other end is (peer: local to this network namespace, or remote): rows of /proc/net/tcp and tcp6 with st 06."
        ) { $0.timeWait },
        Entry(
            .socketTable,
            .gauge,
            "timewait_orphan_fin_wait2_sockets",
            "FIN_WAIT2 sockets that no process owns any more, which the kernel counts as tw: rows of /proc/net/tcp and tcp6 with "
                + "st 05 and timer 03.",
            .interval,
            value: { ($0.sample.ports?.orphanFinWait2).map(MetricValue.init) }
        ),
        Entry(
            .sockstat,
            .gauge,
            "timewait_buckets",
            "TIME_WAIT and unowned FIN_WAIT2 sockets of both address families: tw of TCP in /proc/net/sockstat.",
            .second,
            value: { ($0.sample.statistics?.timeWaitBuckets).map(MetricValue.init) }
        ),
        Entry(
            .sockstat,
            .gauge,
            "timewait_buckets_peak",
            "Highest timewait_buckets of the last 60 seconds: tw of TCP in /proc/net/sockstat.",
            .second,
            value: { $0.sample.bucketsPeak.map(MetricValue.init) }
        ),
        Entry(
            .sysctl,
            .gauge,
            "timewait_buckets_limit",
            "Limit of timewait_buckets, above which connections close without TIME_WAIT: "
                + "/proc/sys/net/ipv4/tcp_max_tw_buckets.",
            .second,
            value: { ($0.sample.sysctls?[.tcpMaxTWBuckets]).map(MetricValue.init) }
        ),
        Entry(
            .sockstat,
            .gauge,
            "timewait_inuse_sockets",
            "TCP sockets of both address families that are neither TIME_WAIT nor unowned FIN_WAIT2: inuse of TCP in "
                + "/proc/net/sockstat plus inuse of TCP6 in sockstat6.",
            .second,
            value: { ($0.sample.statistics?.inUse).map(MetricValue.init) }
        ),
        Entry(
            .netstat,
            .counter,
            "timewait_entries_total",
            "TIME_WAIT and unowned FIN_WAIT2 sockets that began, on kernels that count those (5.18 and later): TW plus TWKilled of "
                + "TcpExt in /proc/net/netstat.",
            .second,
            value: { $0.sample.counted(.entries) }
        ),
        Entry(
            .netstat,
            .counter,
            "timewait_expiries_total",
            "TIME_WAIT and unowned FIN_WAIT2 sockets that expired, on kernels that count those (before 5.18): TW plus TWKilled of "
                + "TcpExt in /proc/net/netstat.",
            .second,
            value: { $0.sample.counted(.expiries) }
        ),
        byOwner(
            .counter,
            "timewait_observed_total",
            "TIME_WAIT sockets that readings of the socket table saw begin, each once, by role and peer; its rate divided by that of "
                + "timewait_entries_total is the coverage: cookies of sock_diag, or tm->when of /proc/net/tcp and tcp6."
        ) { $0.observed }.onlyServed(),
        Entry(
            .socketTable,
            .gauge,
            "timewait_untracked_sockets",
            "TIME_WAIT sockets that timewait_observed_total and timewait_port_entries_total may miss, because there are more than "
                + "--sockets.limit: rows of sock_diag.",
            .interval,
            value: { ($0.sample.ports?.untracked).map(MetricValue.init) }
        ).onlyServed(),
        Entry(
            .netstat,
            .counter,
            "timewait_recycled_total",
            "TIME_WAIT sockets whose port a connect() took over: TWRecycled of TcpExt in /proc/net/netstat.",
            .second,
            value: { ($0.sample.counters?.recycled).map(MetricValue.init) }
        ),
        Entry(
            .netstat,
            .counter,
            "timewait_overflow_total",
            "Connections that closed without TIME_WAIT because of timewait_buckets_limit or for want of memory: "
                + "TCPTimeWaitOverflow of TcpExt in /proc/net/netstat.",
            .second,
            value: { ($0.sample.counters?.overflow).map(MetricValue.init) }
        ),
        Entry(
            .socketTable,
            .gauge,
            "timewait_self_connected_sockets",
            "Sockets whose local address and port equal the remote ones, in any state: a client that was given the very port it dials. "
                + "Rows of /proc/net/tcp and tcp6.",
            .interval,
            value: { ($0.sample.ports?.selfConnected).map(MetricValue.init) }
        ),
        Entry(
            .sampler,
            .gauge,
            "timewait_duration_seconds",
            "How long TIME_WAIT lasts: TCP_TIMEWAIT_LEN of include/net/tcp.h, 60 s, or /proc/sys/net/ipv4/tcp_tw_timeout where the kernel has "
                + "it (timers round it up by as much as 4.1 s, 5.1 s at HZ=100).",
            .second,
            value: { ($0.sample.timing?.seconds).map(MetricValue.init) }
        ),
    ]

    /// A family of TIME_WAIT sockets by role and peer.
    private static func byOwner(
        _ kind: MetricFamily.Kind,
        _ name: String,
        _ help: String,
        _ counts: @escaping @Sendable (PortReport) -> TimeWaitCounts?
    ) -> Entry {
        Entry(.socketTable, kind, name, help, .interval) { input, writer in
            guard let counts = input.sample.ports.flatMap(counts) else { return }
            for role in Role.allCases {
                for peer in Peer.allCases {
                    writer.sample(MetricValue(counts[role, peer]), ["role": role.rawValue, "peer": peer.rawValue])
                }
            }
        }
    }
}

extension Sample {
    /// How long TIME_WAIT lasts; nil where the kernel has a sysctl for it that could not be read.
    var timing: TimeWaitTiming? {
        guard sysctls?.unreadable.contains(.tcpTWTimeout) != true else { return nil }
        return TimeWaitTiming(timeout: sysctls?[.tcpTWTimeout])
    }

    /// TW + TWKilled, if that is what they count on this kernel.
    fileprivate func counted(_ event: CountedEvent) -> MetricValue? {
        guard event == countedEvent else { return nil }
        return (counters?.counted).map(MetricValue.init)
    }
}
