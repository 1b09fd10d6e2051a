import Exposition
import Model

extension Catalogue {
    /// Who closes first, and whose connect() finds no port.
    static let closers: [Family] = [
        .counter(
            "timewait_closes_total",
            labels: ["unit", "process", "role", "peer"],
            "TIME_WAIT sockets that began, by the program that closed first. Only with --who, and for at most "
                + "--who.limit programs."
        )
        .from(.who) { input, page in
            for program in input.sample.closers?.programs ?? [] {
                for role in Role.allCases {
                    for peer in Peer.allCases where program.closes[role, peer] > 0 {
                        let name = program.name
                        page.sample(program.closes[role, peer], name.unit, name.process, role.rawValue, peer.rawValue)
                    }
                }
            }
        }
        .onlyServed()
        .note(
            "`unit` is a systemd unit, `container/ID` or `pod/UID/ID`, or empty. [who.md](who.md) has the rights that "
                + "`--who` needs, and its limits."
        )
        .query("topk(5, sum without(role, peer) (rate(timewait_closes_total[5m])))"),
        .counter(
            "timewait_other_closes_total",
            labels: ["role", "peer"],
            "TIME_WAIT sockets that began, closed first by programs without timewait_closes_total series."
        )
        .from(.who) { input, page in
            page.sample(input.sample.closers?.otherCloses)
        }
        .onlyServed(),
        .counter(
            "timewait_port_closes_total",
            labels: ["port", "unit", "process"],
            "TIME_WAIT sockets that began, by the service port of either end and by the program that closed first: at "
                + "most three programs of each port that has series."
        )
        .from(.who) { input, page in
            for line in input.sample.closers?.ports ?? [] {
                page.sample(line.closes, String(line.port), line.name.unit, line.name.process)
            }
        }
        .onlyServed(),
        .counter(
            "timewait_connect_failures_total",
            labels: ["unit", "process", "destination_address", "destination_port"],
            "connect() calls that failed with EADDRNOTAVAIL because no local port was free. At most --who.limit "
                + "programs and destinations."
        )
        .from(.who) { input, page in
            for (call, count) in (input.sample.closers?.failures ?? [:]).sorted(by: { $0.key < $1.key }) {
                page.sample(count, call.name.unit, call.name.process, call.address.description, String(call.port))
            }
        }
        .onlyServed()
        .note("A call that asked for a source port with bind() is not among them.")
        .query("rate(timewait_connect_failures_total[5m]) > 0"),
        .counter(
            "timewait_other_connect_failures_total",
            "Such connect() calls without timewait_connect_failures_total series."
        )
        .from(.who) { $0.sample.closers?.otherFailures }
        .onlyServed(),
        .counter(
            "timewait_who_events_total",
            labels: ["outcome"],
            "Traced closes of the whole machine by outcome: counted (matched with a TIME_WAIT of this network "
                + "namespace), foreign (of another one), lost (a buffer was full), or unmatched (no reading saw its "
                + "TIME_WAIT)."
        )
        .from(.who) { input, page in
            for outcome in CloserReport.Outcome.allCases {
                if let count = input.sample.closers?.outcomes[outcome] { page.sample(count, outcome.rawValue) }
            }
        }
        .onlyServed()
        .query(
            """
            # share of the closes of this network namespace that have a name
            rate(timewait_who_events_total{outcome="counted"}[5m])
              / ignoring(outcome) sum without(outcome) (
                rate(timewait_who_events_total{outcome=~"counted|unmatched|lost"}[5m])
              )
            """
        ),
    ]
}
