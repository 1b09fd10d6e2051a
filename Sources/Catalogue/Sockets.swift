import Exposition
import Model

extension Catalogue {
    /// TIME_WAIT and the socket table as a whole.
    static let sockets: [Family] = [
        .gauge("timewait_table_sockets", labels: ["family", "state"], "TCP sockets by address family and state.")
            .fromReport(.socketTable("st")) { report, page in
                let states = TableCounts.states + (report.knowsBound ? [.boundInactive] : [])
                for family in AddressFamily.allCases {
                    for state in states { page.sample(report.table[family, state], family.rawValue, state.name) }
                }
            }
            .note(
                "v4-mapped IPv6 addresses count as `ipv4`. The state `bound_inactive` exists only over sock_diag "
                    + "of Linux 6.8 or later."
            )
            .query(
                """
                # TIME_WAIT per LISTEN socket: above 10, something makes many short connections
                sum without(family, state) (timewait_table_sockets{state="time_wait"})
                  / sum without(family, state) (timewait_table_sockets{state="listen"})
                """
            ),
        .gauge(
            "timewait_sockets",
            labels: ["role", "peer"],
            "TIME_WAIT sockets by the end that closed first (role: server, client, or other where that is unknown) "
                + "and by where the other end is (peer: local to this network namespace, or remote)."
        )
        .fromReport(.socketTable("st 06")) { $1.sample($0.timeWait) }
        .query(
            """
            # share of the TIME_WAITs with both ends on this host
            sum without(role, peer) (timewait_sockets{peer="local"})
              / sum without(role, peer) (timewait_sockets)
            """
        ),
        .gauge(
            "timewait_orphan_fin_wait2_sockets",
            "Orphaned FIN_WAIT2 sockets, which no process owns and which the kernel counts as tw."
        )
        .fromReport(.socketTable("st 05 with timer 03")) { $0.orphanFinWait2 },
        .gauge("timewait_buckets", "TIME_WAIT and orphaned FIN_WAIT2 sockets of both address families.")
            .from(.sockstat("tw of TCP")) { $0.sample.statistics?.timeWaitBuckets },
        .gauge("timewait_buckets_peak", "Highest timewait_buckets of the last 60 seconds.")
            .from(.sockstat("tw of TCP")) { $0.sample.bucketsPeak }
            .query("timewait_buckets_peak / timewait_buckets_limit > 0.75"),
        .gauge(
            "timewait_buckets_limit",
            "Limit of timewait_buckets, above which connections close without TIME_WAIT."
        )
        .from(.sysctl(.tcpMaxTWBuckets)) { $0.sample.sysctls?[.tcpMaxTWBuckets] },
        .gauge(
            "timewait_inuse_sockets",
            "TCP sockets of both address families other than TIME_WAIT and orphaned FIN_WAIT2."
        )
        .from(.sockstat("inuse of TCP", and: "inuse of TCP6")) { $0.sample.statistics?.inUse },
        .counter(
            "timewait_entries_total",
            "Sockets that entered TIME_WAIT or orphaned FIN_WAIT2, on kernels that count entries (5.18 and later)."
        )
        .from(.netstat("TW + TWKilled")) { $0.sample.counted(.entries) }
        .note(
            "The exporter infers from the counters' behaviour whether the kernel counts entries or expiries. Until "
                + "it knows, both families are absent."
        )
        .query("rate(timewait_entries_total[5m]) or rate(timewait_expiries_total[5m])"),
        .counter(
            "timewait_expiries_total",
            "TIME_WAIT and orphaned FIN_WAIT2 sockets that expired, on kernels that count expiries (before 5.18)."
        )
        .from(.netstat("TW + TWKilled")) { $0.sample.counted(.expiries) },
        .counter(
            "timewait_observed_total",
            labels: ["role", "peer"],
            "TIME_WAIT sockets that the exporter saw begin, each counted once."
        )
        .fromReport(.socketTable(sockDiag: "cookies", procfs: "tm->when")) { $1.sample($0.observed) }
        .onlyServed()
        .note("TIME_WAITs that end before a reading sees them are missing; the query gives the share that was seen.")
        .query(
            """
            # coverage
            sum without(role, peer) (rate(timewait_observed_total[5m]))
              / rate(timewait_entries_total[5m])
            """
        ),
        .gauge(
            "timewait_untracked_sockets",
            "TIME_WAIT sockets that timewait_observed_total and timewait_port_entries_total may miss, because there "
                + "are more than timewait_tracked_sockets_limit."
        )
        .fromReport(.socketTable(sockDiag: "rows", procfs: nil)) { $0.untracked }
        .onlyServed(),
        .gauge(
            "timewait_tracked_sockets_limit",
            "TIME_WAIT sockets that are recognised from one reading to the next: --sockets.limit, or fewer where the "
                + "memory of the process is limited."
        )
        .from(.sampler) { $0.sample.socketsLimit }
        .onlyServed()
        .query("timewait_untracked_sockets > 0"),
        .counter("timewait_recycled_total", "TIME_WAIT sockets whose port a connect() took over.")
            .from(.netstat("TWRecycled")) { $0.sample.counters?.recycled },
        .counter(
            "timewait_overflow_total",
            "Connections that closed without TIME_WAIT, because of timewait_buckets_limit or for lack of memory."
        )
        .from(.netstat("TCPTimeWaitOverflow")) { $0.sample.counters?.overflow }
        .query("increase(timewait_overflow_total[10m]) > 0"),
        .gauge(
            "timewait_self_connected_sockets",
            "Sockets in any state with the same address and port at both ends: a client got the port that it dials."
        )
        .fromReport(.socketTable("local_address and rem_address")) { $0.selfConnected }
        .query("timewait_self_connected_sockets > 0"),
        .gauge(
            "timewait_duration_seconds",
            "Length of TIME_WAIT: \(Int(TimeWaitTiming().seconds)) s, or tcp_tw_timeout where the kernel has it. Kernel "
                + "timers add up to \(TimeWaitTiming.timerRounding) s (\(TimeWaitTiming.timerRoundingAtHZ100) s at HZ=100)."
        )
        .from(.sampler("/proc/sys/net/ipv4/tcp_tw_timeout where it exists")) {
            $0.sample.timing?.seconds
        }
        .note("Absent where tcp_tw_timeout exists and cannot be read."),
    ]

    /// The sysctls that influence TIME_WAIT and the choice of ports, absent where the kernel lacks
    /// them.
    static let sysctls: [Family] = [
        .gauge(
            "timewait_sysctl_tcp_fin_timeout_seconds",
            "Longest life of an orphaned FIN_WAIT2 socket. It does not change TIME_WAIT."
        )
        .fromSysctl(.tcpFinTimeout),
        .gauge(
            "timewait_sysctl_tcp_tw_reuse",
            "Whether connect() may take over the port of a TIME_WAIT: 0 never, 1 always, 2 between loopback "
                + "addresses only."
        )
        .fromSysctl(.tcpTWReuse),
        .gauge(
            "timewait_sysctl_tcp_tw_reuse_delay_seconds",
            "Age from which connect() may take over the port of a TIME_WAIT (Linux 6.14 and later)."
        )
        .from(.sysctl(.tcpTWReuseDelay)) { ($0.sample.sysctls?[.tcpTWReuseDelay]).map { Double($0) * 0.001 } },
        .gauge(
            "timewait_sysctl_tcp_tw_timeout_seconds",
            "Length of TIME_WAIT on kernels where it can be set (Alibaba Cloud Linux)."
        )
        .fromSysctl(.tcpTWTimeout),
        .gauge(
            "timewait_sysctl_tcp_timestamps",
            "TCP timestamps, without which connect() takes over no TIME_WAIT's port: 0 off, 1 on, 2 on without random "
                + "offsets."
        )
        .fromSysctl(.tcpTimestamps),
        .gauge("timewait_sysctl_tcp_rfc1337", "Whether TIME_WAIT ignores RST: 0 an RST ends it, 1 it does not.")
            .fromSysctl(.tcpRFC1337),
        .gauge(
            "timewait_sysctl_ip_unprivileged_port_start",
            "First port that bind() gives without privilege. The ephemeral port range cannot begin below it."
        )
        .fromSysctl(.ipUnprivilegedPortStart),
        .gauge(
            "timewait_sysctl_ip_autobind_reuse",
            "Whether bind() to port 0 may share ports between sockets with SO_REUSEADDR: 0 no, 1 yes."
        )
        .fromSysctl(.ipAutobindReuse),
        .counter(
            "timewait_sysctl_changes_total",
            labels: ["sysctl"],
            "Changes of the sysctl's value since the exporter started."
        )
        .from(.sysctls) { input, page in
            for (name, count) in input.sample.sysctlChanges.sorted(by: { $0.key < $1.key }) { page.sample(count, name) }
        }
        .onlyServed()
        .note(
            "Besides the sysctls of this group: `ip_local_port_range`, `ip_local_reserved_ports` and "
                + "`tcp_max_tw_buckets`."
        )
        .query("increase(timewait_sysctl_changes_total[10m]) > 0"),
    ]
}

extension Family.Heading {
    fileprivate func fromSysctl(_ sysctl: Sysctl) -> Family {
        from(.sysctl(sysctl)) { $0.sample.sysctls?[sysctl] }
    }
}

extension TextWriter {
    /// A sample for each role and peer; none for nil.
    mutating func sample(_ counts: TimeWaitCounts?) {
        guard let counts else { return }
        for role in Role.allCases {
            for peer in Peer.allCases { sample(counts[role, peer], role.rawValue, peer.rawValue) }
        }
    }
}

extension Sample {
    /// How long TIME_WAIT lasts; nil where the kernel has a sysctl for it that could not be read.
    var timing: TimeWaitTiming? {
        guard sysctls?.unreadable.contains(.tcpTWTimeout) != true else { return nil }
        return TimeWaitTiming(sysctls)
    }

    /// TW + TWKilled, if that is what they count on this kernel.
    fileprivate func counted(_ event: CountedEvent) -> UInt64? {
        event == countedEvent ? counters?.counted : nil
    }
}
