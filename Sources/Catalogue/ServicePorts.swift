import Aggregator
import Exposition
import Ports

extension Catalogue {
    /// Ports that services want: can they have them?
    static let servicePorts: [Entry] = [
        Entry(
            .socketTable,
            .gauge,
            "timewait_service_port_listening",
            "1 if something listens on the port, else 0. Ports of --services.ports; reserved ones in the ephemeral port range and ports listened "
                + "on for 10 minutes within 24 h, while nothing listens and something holds them: st 0A of /proc/net/tcp and tcp6.",
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
            "Sockets on the port while nothing listens there, 0 else: the service's own earlier connections (holder own), or others, such as an "
                + "outgoing connection that took it (other): local ports of /proc/net/tcp and tcp6.",
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
            "1 if bind() of the port would succeed now where the service listened last, else on every address: without SO_REUSEADDR (binder "
                + "plain), or with it if the service's earlier connections had it too (reuse_address). Only while nothing listens. Told by "
                + "/proc/net/tcp and tcp6, never tried.",
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
            "When the last TIME_WAIT on the port is surely gone, in seconds since 1970; +Inf while another socket holds it; absent while it is free "
                + "or listened on: tm->when of /proc/net/tcp and tcp6, and 4.1 s for the kernel's timers.",
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
            "Service ports that the families timewait_service_port_* leave out because of --services.limit: local ports of /proc/net/tcp and tcp6.",
            .interval,
            value: { ($0.sample.ports?.omittedServices).map(MetricValue.init) }
        ),
    ]
}
