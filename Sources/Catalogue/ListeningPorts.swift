import Exposition
import Model

extension Catalogue {
    /// The ports that services listen on.
    static let listeningPorts: [Family] = [
        .gauge(
            "timewait_listening_ports",
            labels: ["exposure"],
            "Distinct LISTEN ports by exposure: outside of the ephemeral port range, in it and reserved, or in it "
                + "and exposed to outgoing connections."
        )
        .fromReport(.socketTable("st 0A", "ip_local_port_range", "ip_local_reserved_ports")) { report, page in
            guard let listening = report.listening else { return }
            page.sample(listening.outside, "outside")
            page.sample(listening.reserved, "reserved")
            page.sample(listening.exposed, "exposed")
        }
        .query(#"timewait_listening_ports{exposure="exposed"} > 0"#),
        .gauge(
            "timewait_dialed_listening_ports",
            "LISTEN ports that have a TIME_WAIT with a local peer: the breadth of a local scan."
        )
        .fromReport(.socketTable("st 0A and 06")) { $0.dialedPorts },
        .gauge(
            "timewait_dialed_listening_ports_peak",
            "Highest timewait_dialed_listening_ports of the last 5 minutes."
        )
        .from(.socketTable("st 0A and 06")) { $0.sample.dialedPortsPeak }
        .query(
            """
            # a local scanner: most of the services have a TIME_WAIT with a local peer
            max_over_time(timewait_dialed_listening_ports_peak[15m])
              / sum without(exposure) (timewait_listening_ports) > 0.5
            """
        ),
        .gauge(
            "timewait_omitted_ports",
            "LISTEN ports without timewait_port_* series because of --ports.limit."
        )
        .fromReport(.socketTable("st 0A")) { $0.omittedPorts },
        .gauge(
            "timewait_port_listeners",
            labels: ["port"],
            "LISTEN sockets of the port, 0 for timewait_duration_seconds plus \(TimeWaitTiming.listenerMargin) s after the "
                + "last one closed."
        )
        .fromPorts(.socketTable("st 0A")) { $0.listeners }
        .note("Above 1 with SO_REUSEPORT, or if the service listens on several addresses."),
        .gauge(
            "timewait_port_sockets",
            labels: ["port", "role", "peer"],
            "TIME_WAIT sockets of the service on the port by the end that closed first (role) and by where the client "
                + "is (peer). Those of remote clients are on the clients' hosts."
        )
        .fromPorts(.socketTable("st 06")) { $1.sample($0.timeWait, $0.port) }
        .note("Three series for each port: `server`/`local`, `server`/`remote` and `client`/`local`.")
        .query("topk(5, sum without(role, peer) (timewait_port_sockets))"),
        .counter(
            "timewait_port_entries_total",
            labels: ["port", "role", "peer"],
            "TIME_WAIT sockets of the service on the port that the exporter saw begin, each counted once."
        )
        .fromPorts(.socketTable(sockDiag: "cookies", procfs: "tm->when")) { $1.sample($0.entries, $0.port) }
        .onlyServed()
        .query("sum without(role, peer) (rate(timewait_port_entries_total[5m]))"),
        .gauge("timewait_port_established", labels: ["port"], "ESTABLISHED sockets that were accepted on the port.")
            .fromPorts(.socketTable("st 01")) { $0.established },
        .gauge(
            "timewait_port_accept_queue",
            labels: ["port"],
            "Connections that wait for accept(), summed over the port's listeners."
        )
        .fromPorts(.socketTable("rx_queue of st 0A")) { $0.acceptQueue }
        .query("min_over_time(timewait_port_accept_queue[5m]) > 10"),
        .gauge(
            "timewait_port_accept_queue_limit",
            labels: ["port"],
            "Backlog of listen(), summed over the port's listeners. Absent over procfs."
        )
        .fromPorts(.socketTable(sockDiag: "idiag_wqueue of LISTEN sockets", procfs: nil)) { $0.acceptQueueLimit }
        .note(
            "The kernel caps the backlog at `net.core.somaxconn`, and one connection more than the backlog fits into "
                + "the queue."
        ),
        .gauge(
            "timewait_port_close_wait",
            labels: ["port"],
            "CLOSE_WAIT sockets at the service's end: the client closed the connection, the service did not."
        )
        .fromPorts(.socketTable("st 08")) { $0.closeWait }
        .query("timewait_port_close_wait > 100 and timewait_port_close_wait > timewait_port_established"),
        .gauge(
            "timewait_port_recurring",
            labels: ["port"],
            "1 if the port is in --services.ports, or got a listener again after its listener had closed, else 0."
        )
        .fromPorts(.socketTable("st 0A")) { $0.isRecurring }
        .note("A value of 0 says only that the exporter did not see this."),
        .gauge(
            "timewait_port_exposed",
            labels: ["port"],
            "1 if an outgoing connection can take the port while its service is down, because the port is in the "
                + "ephemeral port range and not reserved, else 0."
        )
        .fromPorts(.socketTable("st 0A", "ip_local_port_range", "ip_local_reserved_ports")) { $0.isExposed }
        .query(
            """
            timewait_port_exposed == 1
              and (timewait_port_recurring == 1 or timewait_port_collision_ratio > 0.01)
            """
        ),
        .gauge(
            "timewait_port_collision_ratio",
            labels: ["port"],
            "Probability (0 to 1) that the port is taken when its service next binds it: used over usable ports of "
                + "its parity, 0 if not exposed."
        )
        .fromPorts(.socketTable("local_address", "ip_local_port_range", "ip_local_reserved_ports")) {
            $0.collisionRatio
        },
        .gauge(
            "timewait_port_peer_sockets",
            labels: ["port", "remote_address"],
            "TIME_WAIT and ESTABLISHED sockets of the service on the port by remote address, for the --peers.limit "
                + "addresses of each port with the most."
        )
        .fromReport(.socketTable("st 06 and 01")) { report, page in
            for peer in report.peers { page.sample(peer.sockets, String(peer.port), peer.address.description) }
        }
        .note("Off by default: `--peers.limit=0`."),
    ]
}

extension Family.Heading {
    /// Any number of samples for each chosen port.
    fileprivate func fromPorts(
        _ source: Source,
        write: @escaping @Sendable (PortLine, inout TextWriter) -> Void
    ) -> Family {
        fromReport(source) { report, page in
            for line in report.ports { write(line, &page) }
        }
    }

    /// One sample for each chosen port whose value is known.
    fileprivate func fromPorts(
        _ source: Source,
        value: @escaping @Sendable (PortLine) -> (any SampleValue)?
    ) -> Family {
        fromPorts(source) { line, page in
            if let value = value(line) { page.sample(value, String(line.port)) }
        }
    }
}

extension TextWriter {
    /// The three numbers of a port; none for nil.
    fileprivate mutating func sample(_ numbers: PortTimeWait?, _ port: Port) {
        guard let numbers else { return }
        let port = String(port)
        sample(numbers.serverLocal, port, "server", "local")
        sample(numbers.serverRemote, port, "server", "remote")
        sample(numbers.clientLocal, port, "client", "local")
    }
}
