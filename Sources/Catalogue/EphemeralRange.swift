import Exposition
import Model

extension Catalogue {
    /// The ephemeral port range, its reserved ports and its use.
    static let ephemeralRange: [Entry] = [
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_ephemeral_range_low",
            "First port of the ephemeral port range: /proc/sys/net/ipv4/ip_local_port_range.",
            .second,
            value: { ($0.sample.portSysctls.ports?.low).map(MetricValue.init) }
        ),
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_ephemeral_range_high",
            "Last port of the ephemeral port range, itself included: /proc/sys/net/ipv4/ip_local_port_range.",
            .second,
            value: { ($0.sample.portSysctls.ports?.high).map(MetricValue.init) }
        ),
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_ephemeral_ports",
            "Ports in the ephemeral port range, high - low + 1: /proc/sys/net/ipv4/ip_local_port_range.",
            .second,
            value: { ($0.sample.portSysctls.ports?.count).map(MetricValue.init) }
        ),
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_ephemeral_ports_reserved",
            "Ports of the ephemeral port range that are reserved: /proc/sys/net/ipv4/ip_local_reserved_ports.",
            .second,
            value: { input in
                input.sample.range.map { MetricValue($0.reserved.intersection(PortSet($0.ports)).count) }
            }
        ),
        Entry(
            .socketTable,
            .gauge,
            "timewait_ephemeral_ports_usable",
            "Ports of the ephemeral port range that are not reserved, on which nothing listens or is bound and no accepted socket of a vanished "
                + "listener remains: ip_local_port_range, ip_local_reserved_ports, /proc/net/tcp and tcp6.",
            .interval,
            value: { ($0.sample.ports?.ephemeral?.usable).map(MetricValue.init) }
        ),
        Entry(
            .socketTable,
            .gauge,
            "timewait_ephemeral_ports_used",
            "Distinct usable ports that a local socket holds, each once under its strongest state (established, other, time_wait): "
                + "local ports of /proc/net/tcp and tcp6.",
            .interval
        ) { input, writer in
            guard let use = input.sample.ports?.ephemeral else { return }
            writer.sample(MetricValue(use.established), ["state": "established"])
            writer.sample(MetricValue(use.timeWait), ["state": "time_wait"])
            writer.sample(MetricValue(use.other), ["state": "other"])
        },
        Entry(
            .socketTable,
            .gauge,
            "timewait_ephemeral_exhaustion_seconds",
            "Seconds until the whole ephemeral port range has no free port for sockets that bind before they connect, if things go on as they do: sockets that "
                + "bind() before they connect() share no port. 0 when none is left, +Inf if that never comes: local ports, st and "
                + "tm->when of /proc/net/tcp and tcp6.",
            .interval,
            value: { input in
                guard let report = input.sample.ports, report.ephemeral != nil, input.sample.timing != nil else {
                    return nil
                }
                return input.sample.seconds(until: report.ephemeralExhaustion)
            }
        ),
        parity(
            "timewait_ephemeral_parity_ports",
            "Usable ports of each half of the ephemeral port range: even or odd as its first port, which connect() takes first (allocator "
                + "connect), and the others, which bind() to port 0 takes first (bind): ip_local_port_range, /proc/net/tcp and tcp6."
        ) { $0.ports },
        parity(
            "timewait_ephemeral_parity_ports_used",
            "Those of timewait_ephemeral_parity_ports that a local socket holds: above half of all, connect() has to search the other half, and "
                + "becomes slow: local ports of /proc/net/tcp and tcp6."
        ) { $0.used },
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_reserved_ports",
            "Reserved ports, in the ephemeral port range and outside of it: /proc/sys/net/ipv4/ip_local_reserved_ports.",
            .second,
            value: { ($0.sample.portSysctls.reserved?.count).map(MetricValue.init) }
        ),
        Entry(
            .socketTable,
            .gauge,
            "timewait_reserved_ports_idle",
            "Reserved ports that protect nothing now (reason: out_of_range, or no_listener: in the range, neither TCP LISTEN nor UDP): "
                + "ip_local_reserved_ports, st 0A of /proc/net/tcp and tcp6, /proc/net/udp and udp6.",
            .interval
        ) { input, writer in
            guard let idle = input.sample.ports?.idleReserved else { return }
            writer.sample(MetricValue(idle.outOfRange), ["reason": "out_of_range"])
            if let noListener = idle.noListener { writer.sample(MetricValue(noListener), ["reason": "no_listener"]) }
        },
        Entry(
            .udp,
            .gauge,
            "timewait_udp_ephemeral_ports_used",
            "Distinct local ports of UDP sockets in the ephemeral port range: /proc/net/udp and udp6.",
            .interval,
            value: { input in
                guard let udp = input.sample.udpPorts, let range = input.sample.portSysctls.ports else { return nil }
                return MetricValue(udp.intersection(PortSet(range)).count)
            }
        ),
    ]

    /// A family with one number for each half of the range.
    private static func parity(
        _ name: String,
        _ help: String,
        _ value: @escaping @Sendable (ParityUse) -> Int
    ) -> Entry {
        Entry(.socketTable, .gauge, name, help, .interval) { input, writer in
            guard let use = input.sample.ports?.ephemeral else { return }
            writer.sample(MetricValue(value(use.connect)), ["allocator": "connect"])
            writer.sample(MetricValue(value(use.bind)), ["allocator": "bind"])
        }
    }
}
