import Exposition
import Model

extension Catalogue {
    /// Ports that services need: can they bind them?
    static let servicePorts: [Family] = [
        .gauge(
            "timewait_service_port_info",
            labels: ["port", "origin"],
            "Why the exporter watches the TCP port as a service's, always 1: configured in --services.ports, reserved "
                + "in the ephemeral port range, or learnt because its listener came back to it."
        )
        .fromServices(.socketTable("local_address and st")) { $1.sample(1, String($0.port), $0.origin.rawValue) },
        .gauge(
            "timewait_service_port_listening",
            labels: ["port"],
            "1 if a socket listens on the TCP port where the service did (address, address family, interface), else 0."
        )
        .fromServices(.socketTable("st 0A")) { $1.sample($0.isListening, String($0.port)) },
        .gauge(
            "timewait_service_port_held_sockets",
            labels: ["port", "holder"],
            "Sockets on the TCP port while its service does not listen, else 0. Holder own: earlier connections of "
                + "the service; other: any other socket, such as an outgoing connection or a listener on another "
                + "address."
        )
        .fromServices(.socketTable("local_address and st")) { line, page in
            guard line.isListening || line.holders != nil else { return }
            page.sample(line.holders?.own ?? 0, String(line.port), "own")
            page.sample(line.holders?.other ?? 0, String(line.port), "other")
        }
        .query(
            """
            # a service that cannot start, because another socket took its port
            timewait_service_port_held_sockets{holder="other"} > 0
            """
        ),
        .gauge(
            "timewait_service_port_bindable",
            labels: ["port", "binder"],
            "1 if bind() of the TCP port would succeed now, else 0, where the service last listened or else on the "
                + "wildcard address. Binder plain: without SO_REUSEADDR; reuse_address: with it, if the service's "
                + "earlier connections had it too. Absent while the service listens. Computed, never tried."
        )
        .fromServices(.socketTable("local_address and st")) { $1.sampleBindable($0) },
        .gauge(
            "timewait_service_port_free_timestamp_seconds",
            labels: ["port"],
            "Unix time at which the last TIME_WAIT or orphaned FIN_WAIT2 on the TCP port is surely gone, +Inf while "
                + "another socket holds the port. Absent while the port is free or its service listens."
        )
        .from(.socketTable("local_address, st and tm->when")) { input, page in
            for line in input.sample.ports?.services ?? [] {
                switch line.holders?.free {
                case nil, .now: continue
                case .never: page.sample(Double.infinity, String(line.port))
                case .from(let moment):
                    guard let readAt = input.sample.readAt else { continue }
                    page.sample(readAt.time + (moment - readAt.moment), String(line.port))
                }
            }
        }
        .note(
            "Includes timewait_duration_seconds more for a FIN_WAIT2, and \(TimeWaitTiming.timerRounding) s by which the "
                + "kernel's timers may be late."
        )
        .query("timewait_service_port_free_timestamp_seconds - time()"),
        .gauge(
            "timewait_omitted_service_ports",
            "Ports without timewait_service_port_* and timewait_udp_service_port_* series because of "
                + "--services.limit."
        )
        .from(.socketTable("local_address", "/proc/net/udp", "udp6")) { input in
            (input.sample.ports?.omittedServices).map { $0 + (input.sample.udpServices?.omitted ?? 0) }
        },
        .gauge(
            "timewait_udp_service_port_listening",
            labels: ["port"],
            "1 if an unconnected UDP socket has the port where its service had it, else 0. For ports of "
                + "--services.ports with /udp."
        )
        .fromUDPServices { $1.sample($0.isListening, String($0.port)) },
        .gauge(
            "timewait_udp_service_port_held_sockets",
            labels: ["port", "holder"],
            "UDP sockets on the port while its service is gone, else 0. Holder own: connected sockets that existed "
                + "beside the service; other: any other socket."
        )
        .fromUDPServices { line, page in
            page.sample(line.holders?.own ?? 0, String(line.port), "own")
            page.sample(line.holders?.other ?? 0, String(line.port), "other")
        },
        .gauge(
            "timewait_udp_service_port_bindable",
            labels: ["port", "binder"],
            "1 if bind() of the UDP port would succeed now, else 0, where the service last had it or else on the "
                + "wildcard address. Binder plain: without SO_REUSEADDR; reuse_address: with it, if the service's own "
                + "sockets have it too. Absent while the service is there. Computed, never tried."
        )
        .fromUDPServices { $1.sampleBindable($0) },
    ]
}

extension Family.Heading {
    /// Any number of samples for each watched TCP port.
    fileprivate func fromServices(
        _ source: Source,
        write: @escaping @Sendable (ServiceLine, inout TextWriter) -> Void
    ) -> Family {
        fromReport(source) { report, page in
            for line in report.services { write(line, &page) }
        }
    }

    /// Any number of samples for each watched UDP port.
    fileprivate func fromUDPServices(write: @escaping @Sendable (ServiceLine, inout TextWriter) -> Void) -> Family {
        from(.udp) { input, page in
            for line in input.sample.udpServices?.lines ?? [] { write(line, &page) }
        }
    }
}

extension TextWriter {
    fileprivate mutating func sampleBindable(_ line: ServiceLine) {
        guard let holders = line.holders else { return }
        sample(holders.isBindablePlain, String(line.port), "plain")
        sample(holders.isBindableReusing, String(line.port), "reuse_address")
    }
}
