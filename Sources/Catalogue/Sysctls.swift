import Exposition
import Model

extension Catalogue {
    /// The sysctls that decide what TIME_WAIT and port selection do.
    static let sysctls: [Entry] = [
        sysctl(
            .tcpFinTimeout,
            "timewait_sysctl_tcp_fin_timeout_seconds",
            "How long a FIN_WAIT2 socket that no process owns may last; it does not change TIME_WAIT"
        ),
        sysctl(
            .tcpTWReuse,
            "timewait_sysctl_tcp_tw_reuse",
            "Whether connect() may take over the port of a TIME_WAIT: 0 never, 1 always, 2 between loopback addresses only"
        ),
        sysctl(
            .tcpTWReuseDelay,
            "timewait_sysctl_tcp_tw_reuse_delay_seconds",
            "The age from which connect() may take over the port of a TIME_WAIT",
            scale: 0.001
        ),
        sysctl(
            .tcpTWTimeout,
            "timewait_sysctl_tcp_tw_timeout_seconds",
            "How long TIME_WAIT lasts on kernels that let it be set (Alibaba Cloud Linux)"
        ),
        sysctl(
            .tcpTimestamps,
            "timewait_sysctl_tcp_timestamps",
            "TCP timestamps, without which no port of a TIME_WAIT is taken over: 0 off, 1 on, 2 on without random offsets"
        ),
        sysctl(
            .tcpRFC1337,
            "timewait_sysctl_tcp_rfc1337",
            "Whether TIME_WAIT ignores RST: 0 an RST ends it, 1 it does not"
        ),
        sysctl(
            .ipUnprivilegedPortStart,
            "timewait_sysctl_ip_unprivileged_port_start",
            "First port that needs no privilege to bind; the ephemeral port range cannot begin below it"
        ),
        sysctl(
            .ipAutobindReuse,
            "timewait_sysctl_ip_autobind_reuse",
            "Whether bind() to port 0 may share ports between sockets with SO_REUSEADDR: 0 no, 1 yes"
        ),
        Entry(
            .sysctl,
            .counter,
            "timewait_sysctl_changes_total",
            "How often the value was seen to change since the exporter started: /proc/sys/net/ipv4.",
            .second
        ) { input, writer in
            for (name, count) in input.sample.sysctlChanges.sorted(by: { $0.key < $1.key }) {
                writer.sample(MetricValue(count), ["sysctl": name])
            }
        }.onlyServed(),
    ]

    /// A family of one sysctl, absent where the kernel has none.
    ///
    /// - Parameter scale: what makes the kernel's unit a base unit.
    private static func sysctl(_ name: Sysctl, _ family: String, _ help: String, scale: Double = 1) -> Entry {
        Entry(.sysctl, .gauge, family, "\(help): /proc/sys/net/ipv4/\(name.rawValue).", .second) { input in
            (input.sample.sysctls?[name]).map { MetricValue(Double($0) * scale) }
        }
    }
}
