import Exposition
import Model

extension Catalogue {
    /// The use of the ephemeral port range towards each destination: what runs out.
    static let destinations: [Entry] = [
        Entry(
            .socketTable,
            .gauge,
            "timewait_destination_ports_used",
            "Usable ports that connections to one destination hold, by state (live, time_wait, or reusable: TIME_WAITs that tcp_tw_reuse is "
                + "known to let the next connect() take, with both ends on this host or TCP timestamps at the other). A destination enters at 5 % of timewait_ephemeral_ports_usable and leaves below 2 % for 5 minutes, "
                + "at most --destinations.limit: rows of /proc/net/tcp and tcp6.",
            .interval
        ) { input, writer in
            for line in input.sample.ports?.destinations?.lines ?? [] {
                let (source, address) = input.sample.addresses(of: line.destination)
                for (state, value) in [
                    ("live", line.live), ("time_wait", line.timeWait), ("reusable", line.reusable),
                ] {
                    writer.sample(
                        MetricValue(value),
                        [
                            "source_address": source,
                            "destination_address": address,
                            "destination_port": String(line.destination.port),
                            "state": state,
                        ]
                    )
                }
            }
        },
        destination(
            "timewait_destination_ports_used_max",
            "Most usable ports that connections to one destination hold, live and time_wait together: at timewait_ephemeral_ports_usable "
                + "connect() fails with EADDRNOTAVAIL. Rows of /proc/net/tcp and tcp6."
        ) { MetricValue($0.worst) },
        destination(
            "timewait_destinations",
            "Distinct destinations (source address, destination address, destination port, bound interface) of connections from usable ports: "
                + "rows of /proc/net/tcp and tcp6."
        ) { MetricValue($0.count) },
        destination(
            "timewait_destinations_estimated",
            "1 if there are more destinations than can be told apart, and timewait_destinations is estimated to about 1 %, else 0: rows of "
                + "/proc/net/tcp and tcp6."
        ) { MetricValue($0.isEstimated) },
        destination(
            "timewait_omitted_destinations",
            "Destinations that timewait_destination_ports_used leaves out: rows of /proc/net/tcp and tcp6."
        ) { MetricValue($0.omitted) },
        Entry(
            .socketTable,
            .gauge,
            "timewait_destination_exhaustion_seconds",
            "Seconds until connect() to the first destination fails with EADDRNOTAVAIL if connections go on as they do: 0 when no "
                + "port is left, +Inf if that never comes: st and tm->when of /proc/net/tcp and tcp6.",
            .interval,
            value: { input in
                guard let destinations = input.sample.ports?.destinations else { return nil }
                return input.sample.seconds(until: destinations.exhaustion)
            }
        ),
    ]

    /// A family of one number about all destinations.
    private static func destination(
        _ name: String,
        _ help: String,
        _ value: @escaping @Sendable (DestinationReport) -> MetricValue
    ) -> Entry {
        Entry(.socketTable, .gauge, name, help, .interval) { input in
            (input.sample.ports?.destinations).map(value)
        }
    }
}

extension Sample {
    /// The seconds from this sample to a moment, which may be over; +Inf where it never comes.
    func seconds(until moment: Instant?) -> MetricValue {
        MetricValue(moment.map { max(0, $0 - now) } ?? .infinity)
    }

    /// The two addresses of a destination as labels hold them.
    ///
    /// A link-local address carries its zone, the interface that the connection is bound to. So does the destination of
    /// other connections that are bound to one: the same two addresses on two interfaces are two destinations.
    fileprivate func addresses(of destination: Destination) -> (source: String, address: String) {
        let zone = destination.device == 0 ? "" : "%" + (deviceNames[destination.device] ?? "\(destination.device)")
        let source = destination.source.description + (destination.source.isLinkLocal ? zone : "")
        return (source, destination.address.description + zone)
    }
}
