import Exposition
import Model

extension Catalogue {
    /// The ephemeral port range, its reserved ports and its use.
    static let ephemeralRange: [Family] = [
        .gauge("timewait_ephemeral_range_low", "First port of the ephemeral port range.")
            .from(.ephemeralRange("ip_local_port_range")) { $0.sample.portSysctls.ports?.low },
        .gauge("timewait_ephemeral_range_high", "Last port of the ephemeral port range.")
            .from(.ephemeralRange("ip_local_port_range")) { $0.sample.portSysctls.ports?.high },
        .gauge("timewait_ephemeral_ports", "Ports in the ephemeral port range: high - low + 1.")
            .from(.ephemeralRange("ip_local_port_range")) { $0.sample.portSysctls.ports?.count },
        .gauge("timewait_ephemeral_ports_reserved", "Reserved ports in the ephemeral port range.")
            .from(.ephemeralRange("ip_local_reserved_ports")) { input in
                input.sample.range.map { $0.reserved.intersection(PortSet($0.ports)).count }
            },
        .gauge(
            "timewait_ephemeral_ports_usable",
            "Ports of the ephemeral port range that connect() can use: neither reserved, nor listened on, nor only "
                + "bound, nor held by accepted connections of a closed listener."
        )
        .fromReport(.socketTable("local_address", "ip_local_port_range", "ip_local_reserved_ports")) {
            $0.ephemeral?.usable
        },
        .gauge(
            "timewait_ephemeral_ports_used",
            labels: ["state"],
            "Distinct usable ports that a local socket holds, each counted once under its strongest state: "
                + "established, other, time_wait."
        )
        .fromReport(.socketTable("local_address and st")) { report, page in
            guard let use = report.ephemeral else { return }
            page.sample(use.established, "established")
            page.sample(use.timeWait, "time_wait")
            page.sample(use.other, "other")
        }
        .query(
            """
            # share of the whole range in use, whatever the destination
            sum without(state) (timewait_ephemeral_ports_used)
              / (timewait_ephemeral_ports_usable > 0) > 0.85
            """
        ),
        .gauge(
            "timewait_ephemeral_exhaustion_seconds",
            "Forecast of the seconds until sockets that bind before they connect have used the whole ephemeral port "
                + "range: 0 if no port is left, +Inf if never."
        )
        .from(.socketTable("local_address, st and tm->when")) { input in
            guard let report = input.sample.ports, report.ephemeral != nil, input.sample.timing != nil else {
                return nil
            }
            return input.sample.seconds(until: report.ephemeralExhaustion)
        }
        .note(
            "Sockets that bind() before they connect() share no port, whatever the destination. With none left, "
                + "bind() to port 0 fails, and connect() to every destination. Also +Inf if the connections to one "
                + "destination explain the use."
        )
        .query("timewait_ephemeral_exhaustion_seconds < 600"),
        .gauge(
            "timewait_ephemeral_parity_ports",
            labels: ["allocator"],
            "Usable ports of each half of the ephemeral port range: connect is the half with the parity of the first "
                + "port, which connect() tries first, bind the half that bind() to port 0 tries first."
        )
        .fromReport(.socketTable("local_address", "ip_local_port_range", "ip_local_reserved_ports")) { report, page in
            page.sample(report.ephemeral, \.ports)
        },
        .gauge(
            "timewait_ephemeral_parity_ports_used",
            labels: ["allocator"],
            "Ports of timewait_ephemeral_parity_ports that a local socket holds."
        )
        .fromReport(.socketTable("local_address")) { report, page in page.sample(report.ephemeral, \.used) }
        .note("With the `connect` half full, connect() searches the other half and takes about 20 times as long.")
        .query(
            """
            timewait_ephemeral_parity_ports_used / (timewait_ephemeral_parity_ports > 0)
            """
        ),
        .gauge("timewait_reserved_ports", "Reserved ports, in the ephemeral port range and outside of it.")
            .from(.ephemeralRange("ip_local_reserved_ports")) { $0.sample.portSysctls.reserved?.count },
        .gauge(
            "timewait_reserved_ports_idle",
            labels: ["reason"],
            "Reserved ports that protect nothing now: out_of_range, or no_listener, which is in the range and neither "
                + "TCP LISTEN nor UDP."
        )
        .fromReport(.socketTable("st 0A", "/proc/net/udp", "udp6", "ip_local_reserved_ports")) { report, page in
            guard let idle = report.idleReserved else { return }
            page.sample(idle.outOfRange, "out_of_range")
            if let noListener = idle.noListener { page.sample(noListener, "no_listener") }
        },
        .gauge(
            "timewait_udp_ephemeral_ports_used",
            "Distinct local ports of UDP sockets in the ephemeral port range."
        )
        .from(.udp) { input in
            guard let udp = input.sample.udpPorts, let range = input.sample.portSysctls.ports else { return nil }
            return udp.intersection(PortSet(range)).count
        },
    ]

    /// The use of the ephemeral port range towards each destination, where it runs out first.
    static let destinations: [Family] = [
        .gauge(
            "timewait_destination_ports_used",
            labels: ["source_address", "destination_address", "destination_port", "state"],
            "Usable ports held by connections to a destination, by state: live, time_wait, or reusable, which are "
                + "TIME_WAITs whose port the next connect() is known to take over by tcp_tw_reuse. At most "
                + "--destinations.limit destinations."
        )
        .from(.socketTable("local_address, rem_address and st")) { input, page in
            for line in input.sample.ports?.destinations?.lines ?? [] {
                let (source, address) = input.sample.addresses(of: line.destination)
                let port = String(line.destination.port)
                page.sample(line.live, source, address, port, "live")
                page.sample(line.timeWait, source, address, port, "time_wait")
                page.sample(line.reusable, source, address, port, "reusable")
            }
        }
        .query(
            """
            # destinations by the ports they use, without those that connect() can take over
            sum without(state) (timewait_destination_ports_used{state!="reusable"})
            """
        ),
        .gauge(
            "timewait_destination_ports_used_max",
            "Usable ports in the states live and time_wait of the destination with the most. At "
                + "timewait_ephemeral_ports_usable connect() to it fails with EADDRNOTAVAIL."
        )
        .fromReport(.socketTable("local_address, rem_address and st")) { $0.destinations?.worst }
        .query(
            """
            timewait_destination_ports_used_max / timewait_ephemeral_ports_usable > 0.5
              or timewait_ephemeral_ports_usable == 0
            """
        ),
        .gauge(
            "timewait_destinations",
            "Distinct destinations (source address, destination address, destination port, bound interface) of "
                + "connections from usable ports."
        )
        .fromReport(.socketTable("local_address and rem_address")) { $0.destinations?.count },
        .gauge(
            "timewait_destinations_estimated",
            "1 if timewait_destinations is an estimate, to about 1 %, because there are more than 16,384, else 0."
        )
        .fromReport(.socketTable("local_address and rem_address")) { $0.destinations?.isEstimated },
        .gauge("timewait_omitted_destinations", "Destinations without timewait_destination_ports_used series.")
            .fromReport(.socketTable("local_address and rem_address")) { $0.destinations?.omitted },
        .gauge(
            "timewait_destination_exhaustion_seconds",
            "Forecast of the seconds until connect() fails with EADDRNOTAVAIL for any destination: 0 if no port is "
                + "left, +Inf if never."
        )
        .from(.socketTable("local_address, rem_address, st and tm->when")) { input in
            guard let destinations = input.sample.ports?.destinations else { return nil }
            return input.sample.seconds(until: destinations.exhaustion)
        }
        .query("timewait_destination_exhaustion_seconds < 600"),
    ]
}

extension TextWriter {
    /// A number of each half of the range; none for nil.
    fileprivate mutating func sample(_ use: EphemeralUse?, _ number: (ParityUse) -> Int) {
        guard let use else { return }
        sample(number(use.connect), "connect")
        sample(number(use.bind), "bind")
    }
}

extension Sample {
    /// The seconds from this sample to a moment, which may be over; +Inf where it never comes.
    fileprivate func seconds(until moment: Instant?) -> Double {
        moment.map { max(0, $0 - now) } ?? .infinity
    }

    /// The two addresses of a destination as labels hold them.
    ///
    /// A link-local address carries its zone, the interface that the connection is bound to. So
    /// does the destination of other connections that are bound to one: the same two addresses on
    /// two interfaces are two destinations.
    fileprivate func addresses(of destination: Destination) -> (source: String, address: String) {
        let zone = destination.device == 0 ? "" : "%" + (deviceNames[destination.device] ?? "\(destination.device)")
        let source = destination.source.description + (destination.source.isLinkLocal ? zone : "")
        return (source, destination.address.description + zone)
    }
}
