import Exposition
import Model

extension Catalogue {
    /// Ports that services want: can they have them?
    static let servicePorts: [Entry] = [
        Entry(
            .socketTable,
            .gauge,
            "timewait_service_port_info",
            "How the exporter knows that a service wants the TCP port (origin: configured in --services.ports, reserved in the ephemeral port "
                + "range, or learnt: listened on again after its listener had gone, within 24 h); always 1. Reserved and learnt ones "
                + "only while their service does not listen and something holds them: rows of /proc/net/tcp and tcp6.",
            .interval
        ) { input, writer in
            for line in input.sample.ports?.services ?? [] {
                writer.sample(.count(1), ["port": String(line.port), "origin": line.origin.rawValue])
            }
        },
        Entry(
            .socketTable,
            .gauge,
            "timewait_service_port_listening",
            "1 if something listens on the TCP port where its service did (address, address family, interface), else 0: st 0A of /proc/net/tcp "
                + "and tcp6.",
            .interval
        ) { input, writer in
            for line in input.sample.ports?.services ?? [] {
                writer.sample(MetricValue(line.isListening), ["port": String(line.port)])
            }
        },
        Entry(
            .socketTable,
            .gauge,
            "timewait_service_port_held_sockets",
            "Sockets on the TCP port while its service does not listen, 0 else: the service's own earlier connections (holder own), or others, such "
                + "as an outgoing connection that took it or a listener on another address (other): local ports of /proc/net/tcp "
                + "and tcp6.",
            .interval
        ) { input, writer in
            for line in input.sample.ports?.services ?? [] {
                guard line.isListening || line.holders != nil else { continue }
                writer.sample(MetricValue(line.holders?.own ?? 0), ["port": String(line.port), "holder": "own"])
                writer.sample(MetricValue(line.holders?.other ?? 0), ["port": String(line.port), "holder": "other"])
            }
        },
        Entry(
            .socketTable,
            .gauge,
            "timewait_service_port_bindable",
            "1 if bind() of the TCP port would succeed now where the service listened last, else on every address: without SO_REUSEADDR (binder "
                + "plain), or with it if the service's earlier connections had it too (reuse_address). Only while the service does not "
                + "listen. Computed from /proc/net/tcp and tcp6, never tried.",
            .interval
        ) { input, writer in
            for line in input.sample.ports?.services ?? [] {
                guard let holders = line.holders else { continue }
                let port = String(line.port)
                writer.sample(MetricValue(holders.isBindablePlain), ["port": port, "binder": "plain"])
                writer.sample(MetricValue(holders.isBindableReusing), ["port": port, "binder": "reuse_address"])
            }
        },
        Entry(
            .socketTable,
            .gauge,
            "timewait_service_port_free_timestamp_seconds",
            "When the last TIME_WAIT or unowned FIN_WAIT2 on the TCP port is surely gone, in seconds since 1970; +Inf while another socket holds it; "
                + "absent while it is free or its service listens: tm->when of /proc/net/tcp and tcp6, 60 s more for a FIN_WAIT2, and "
                + "4.1 s for the kernel's timers.",
            .interval
        ) { input, writer in
            for line in input.sample.ports?.services ?? [] {
                switch line.holders?.free {
                case nil, .now: continue
                case .never: writer.sample(.real(.infinity), ["port": String(line.port)])
                case .from(let moment):
                    guard let readAt = input.sample.readAt else { continue }
                    writer.sample(MetricValue(readAt.time + (moment - readAt.moment)), ["port": String(line.port)])
                }
            }
        },
        Entry(
            .socketTable,
            .gauge,
            "timewait_omitted_service_ports",
            "Service ports that the families timewait_service_port_* and timewait_udp_service_port_* leave out because of --services.limit: "
                + "local ports of /proc/net/tcp and tcp6, udp and udp6.",
            .interval,
            value: { input in
                (input.sample.ports?.omittedServices).map { MetricValue($0 + (input.sample.udpServices?.omitted ?? 0)) }
            }
        ),
        udp(
            "timewait_udp_service_port_listening",
            "1 if a UDP socket that is not connected has the port where its service had it, else 0. Ports of --services.ports with /udp: "
                + "/proc/net/udp and udp6."
        ) { line, writer in
            writer.sample(MetricValue(line.isListening), ["port": String(line.port)])
        },
        udp(
            "timewait_udp_service_port_held_sockets",
            "UDP sockets on the port while its service is gone, 0 else: connected ones that were there beside the service (holder own), or others "
                + "(other): /proc/net/udp and udp6."
        ) { line, writer in
            writer.sample(MetricValue(line.holders?.own ?? 0), ["port": String(line.port), "holder": "own"])
            writer.sample(MetricValue(line.holders?.other ?? 0), ["port": String(line.port), "holder": "other"])
        },
        udp(
            "timewait_udp_service_port_bindable",
            "1 if bind() of the UDP port would succeed now where the service had it last, else on every address: without SO_REUSEADDR (binder "
                + "plain), or with it if the service's own sockets have it too (reuse_address). Only while the service is gone. "
                + "Computed from /proc/net/udp and udp6, never tried."
        ) { line, writer in
            guard let holders = line.holders else { return }
            let port = String(line.port)
            writer.sample(MetricValue(holders.isBindablePlain), ["port": port, "binder": "plain"])
            writer.sample(MetricValue(holders.isBindableReusing), ["port": port, "binder": "reuse_address"])
        },
    ]

    /// A family about each chosen UDP service port.
    private static func udp(
        _ name: String,
        _ help: String,
        _ write: @escaping @Sendable (ServiceLine, inout TextWriter) -> Void
    ) -> Entry {
        Entry(.udp, .gauge, name, help, .interval) { input, writer in
            for line in input.sample.udpServices?.lines ?? [] { write(line, &writer) }
        }
    }
}
