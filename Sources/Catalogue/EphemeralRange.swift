import Aggregator
import Exposition
import Ports

extension Catalogue {
    /// The ephemeral port range, its reserved ports and its use.
    static let ephemeralRange: [Entry] = [
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_ephemeral_range_low",
            "First port of the ephemeral port range: /proc/sys/net/ipv4/ip_local_port_range.",
            .second,
            value: { ($0.sample.range?.ports.low).map(Double.init) }
        ),
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_ephemeral_range_high",
            "Last port of the ephemeral port range, itself included: /proc/sys/net/ipv4/ip_local_port_range.",
            .second,
            value: { ($0.sample.range?.ports.high).map(Double.init) }
        ),
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_ephemeral_ports",
            "Ports in the ephemeral port range, high - low + 1: /proc/sys/net/ipv4/ip_local_port_range.",
            .second,
            value: { ($0.sample.range?.ports.count).map(Double.init) }
        ),
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_ephemeral_ports_reserved",
            "Ports of the ephemeral port range that are reserved: /proc/sys/net/ipv4/ip_local_reserved_ports.",
            .second,
            value: { input in
                input.sample.range.map { Double($0.reserved.intersection(PortSet($0.ports)).count) }
            }
        ),
        Entry(
            .socketTable,
            .gauge,
            "timewait_ephemeral_ports_usable",
            "Ports of the ephemeral port range that are not reserved, on which nothing listens or is bound and no accepted socket of a vanished "
                + "listener remains: ip_local_port_range, ip_local_reserved_ports, /proc/net/tcp and tcp6.",
            .interval,
            value: { ($0.sample.ports?.ephemeral?.usable).map(Double.init) }
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
            writer.sample(Double(use.established), ["state": "established"])
            writer.sample(Double(use.timeWait), ["state": "time_wait"])
            writer.sample(Double(use.other), ["state": "other"])
        },
        Entry(
            .ephemeralRange,
            .gauge,
            "timewait_reserved_ports",
            "Reserved ports, in the ephemeral port range and outside of it: /proc/sys/net/ipv4/ip_local_reserved_ports.",
            .second,
            value: { ($0.sample.range?.reserved.count).map(Double.init) }
        ),
    ]
}
