import Exposition
import Model

extension Catalogue {
    /// The ports that services listen on.
    static let listeningPorts: [Entry] = [
        Entry(
            .socketTable,
            .gauge,
            "timewait_listening_ports",
            "Distinct LISTEN ports by what the ephemeral port range means for them (exposure: outside of it, in it and reserved, or "
                + "exposed: in it and not reserved): st 0A of /proc/net/tcp and tcp6, ip_local_port_range, ip_local_reserved_ports.",
            .interval
        ) { input, writer in
            guard let listening = input.sample.ports?.listening else { return }
            writer.sample(MetricValue(listening.outside), ["exposure": "outside"])
            writer.sample(MetricValue(listening.reserved), ["exposure": "reserved"])
            writer.sample(MetricValue(listening.exposed), ["exposure": "exposed"])
        },
        Entry(
            .socketTable,
            .gauge,
            "timewait_dialed_listening_ports",
            "LISTEN ports that hold a TIME_WAIT with a local peer, the breadth of a local scan: st 0A and 06 of /proc/net/tcp and tcp6.",
            .interval,
            value: { ($0.sample.ports?.dialedPorts).map(MetricValue.init) }
        ),
        Entry(
            .socketTable,
            .gauge,
            "timewait_dialed_listening_ports_peak",
            "Highest timewait_dialed_listening_ports of the last 5 minutes: st 0A and 06 of /proc/net/tcp and tcp6.",
            .interval,
            value: { $0.sample.dialedPortsPeak.map(MetricValue.init) }
        ),
        Entry(
            .socketTable,
            .gauge,
            "timewait_omitted_ports",
            "LISTEN ports that the families timewait_port_* leave out because of --ports.limit: st 0A of /proc/net/tcp and tcp6.",
            .interval,
            value: { ($0.sample.ports?.omittedPorts).map(MetricValue.init) }
        ),
        port(
            "timewait_port_listeners",
            "LISTEN sockets of the port, 0 for 65 s after the last one vanished: st 0A of /proc/net/tcp and tcp6."
        ) { MetricValue($0.listeners) },
        timeWait(
            .gauge,
            "timewait_port_sockets",
            "TIME_WAIT sockets of the service on the port, by which end closed first (role) and where the client is (peer): "
                + "st 06 of /proc/net/tcp and tcp6. The TIME_WAITs of remote clients are on their own hosts."
        ) { $0.timeWait },
        timeWait(
            .counter,
            "timewait_port_entries_total",
            "TIME_WAIT sockets of the service on the port that readings of the socket table saw begin, each once, by which end "
                + "closed first (role) and where the client is (peer): cookies of sock_diag, or tm->when of /proc/net/tcp and tcp6."
        ) { $0.entries }.onlyServed(),
        port(
            "timewait_port_established",
            "ESTABLISHED sockets that were accepted on the port: st 01 of /proc/net/tcp and tcp6."
        ) { MetricValue($0.established) },
        port(
            "timewait_port_accept_queue",
            "Connections that wait for accept(), summed over the port's listeners: rx_queue of st 0A in /proc/net/tcp and tcp6."
        ) { MetricValue($0.acceptQueue) },
        port(
            "timewait_port_accept_queue_limit",
            "How many connections may wait for accept(), as listen() asked, summed over the port's listeners; absent over procfs: "
                + "idiag_wqueue of LISTEN rows of sock_diag."
        ) { $0.acceptQueueLimit.map(MetricValue.init) },
        port(
            "timewait_port_close_wait",
            "CLOSE_WAIT sockets at the service's end, connections that the client has closed and the service has not: st 08 of "
                + "/proc/net/tcp and tcp6."
        ) { MetricValue($0.closeWait) },
        port(
            "timewait_port_recurring",
            "1 if the port is in --services.ports, or was listened on again after its listener had gone, else 0, which says only that "
                + "this was not seen: st 0A of /proc/net/tcp and tcp6."
        ) { MetricValue($0.isRecurring) },
        port(
            "timewait_port_exposed",
            "1 if an outgoing connection can take the port while its service is down, because it lies in ip_local_port_range and not in "
                + "ip_local_reserved_ports, else 0."
        ) { $0.isExposed.map(MetricValue.init) },
        port(
            "timewait_port_collision_ratio",
            "Chance (0 to 1) that the port is taken when its service next binds it: used ports of its parity over usable ports of its "
                + "parity, 0 where it is not exposed: local ports of /proc/net/tcp and tcp6, ip_local_port_range, ip_local_reserved_ports."
        ) { $0.collisionRatio.map(MetricValue.init) },
        Entry(
            .socketTable,
            .gauge,
            "timewait_port_peer_sockets",
            "TIME_WAIT and ESTABLISHED sockets of the service on the port by the peer's address, those with the most, --peers.limit of each "
                + "port: st 06 and 01 of /proc/net/tcp and tcp6.",
            .interval
        ) { input, writer in
            for peer in input.sample.ports?.peers ?? [] {
                writer.sample(
                    MetricValue(peer.sockets),
                    ["port": String(peer.port), "remote_address": peer.address.description]
                )
            }
        },
    ]

    /// A family with the three numbers of TIME_WAITs of each chosen port.
    private static func timeWait(
        _ kind: MetricFamily.Kind,
        _ name: String,
        _ help: String,
        _ value: @escaping @Sendable (PortLine) -> PortTimeWait?
    ) -> Entry {
        Entry(.socketTable, kind, name, help, .interval) { input, writer in
            for line in input.sample.ports?.ports ?? [] {
                guard let numbers = value(line) else { continue }
                let port = String(line.port)
                writer.sample(MetricValue(numbers.serverLocal), ["port": port, "role": "server", "peer": "local"])
                writer.sample(MetricValue(numbers.serverRemote), ["port": port, "role": "server", "peer": "remote"])
                writer.sample(MetricValue(numbers.clientLocal), ["port": port, "role": "client", "peer": "local"])
            }
        }
    }

    /// A family with one sample for each chosen port.
    private static func port(
        _ name: String,
        _ help: String,
        _ value: @escaping @Sendable (PortLine) -> MetricValue?
    ) -> Entry {
        Entry(.socketTable, .gauge, name, help, .interval) { input, writer in
            for line in input.sample.ports?.ports ?? [] {
                guard let value = value(line) else { continue }
                writer.sample(value, ["port": String(line.port)])
            }
        }
    }
}
