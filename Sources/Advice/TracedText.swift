import Model

/// What was traced, in words.
extension Traced {
    /// The most programs that are named for one kind of event.
    private static let mostNamed = 3

    /// When that was: `the last 60 s`.
    package var period: String { "the last \(Wording.duration(seconds))" }

    /// Who closed connections with both ends on this host first; nil if nobody did.
    package var localClosers: String? {
        localText.map { by == .exporter ? "in \(period), \($0)" : $0 }
    }

    private var localText: String? { text(\.local, "short connection", "within this host") }

    /// The facts, a line each.
    package var lines: [String] {
        var lines = [
            localText ?? unnamed(\.local, "short connection", "within this host"),
            text(\.remote, "connection", "with other hosts") ?? unnamed(\.remote, "connection", "with other hosts"),
        ].compactMap(\.self)
        for failed in failedConnects.prefix(Self.mostNamed) {
            lines.append(
                "\(Wording.count(failed.calls, "connect() call")) of \(failed.name.text) to \(failed.destination)"
                    + " found no free port"
            )
        }
        let otherCalls = failedConnects.dropFirst(Self.mostNamed).map(\.calls).reduce(otherFailedConnects, saturating)
        if otherCalls > 0 {
            lines.append(
                "\(Wording.count(otherCalls, "connect() call")) of other programs or to other destinations found no free"
                    + " port"
            )
        }
        for (name, count) in (failedBinds ?? [:]).sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) })
            .prefix(Self.mostNamed)
        {
            lines.append("\(Wording.count(count, "bind() call")) of \(name.text) failed with EADDRINUSE")
        }
        if let lostText { lines.append(lostText) }
        return lines.isEmpty ? ["no program of this host closed a connection first"] : lines
    }

    /// How many events were lost; nil if none was.
    package var lostText: String? {
        lost > 0 ? "\(Wording.count(lost, "event was", "events were")) lost" : nil
    }

    /// The programs that closed most of the connections first; nil if no program has a name.
    private func text(_ peer: KeyPath<Counts, Int>, _ what: String, _ place: String) -> String? {
        closers(peer).map { "\($0.named) of \(Self.closed($0.all, what, place)) \($0.who)" }
    }

    private func unnamed(_ peer: KeyPath<Counts, Int>, _ what: String, _ place: String) -> String? {
        let count = others[keyPath: peer]
        return count > 0 ? "\(Self.closed(count, what, place)) programs that are not named" : nil
    }

    private static func closed(_ count: Int, _ what: String, _ place: String) -> String {
        "\(Wording.count(count, what)) \(place) \(count == 1 ? "was" : "were") closed first by"
    }

    /// The busiest program that closed first, or up to three that did most of it.
    private func closers(_ peer: KeyPath<Counts, Int>) -> (named: String, all: Int, who: String)? {
        let ranked = closers.map { (name: $0.name, count: $0.counts[keyPath: peer]) }.filter { $0.count > 0 }
            .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
        guard let first = ranked.first else { return nil }
        let all = ranked.reduce(others[keyPath: peer]) { saturating($0, $1.count) }
        // One that made most of them is the culprit; else the first ones are named together.
        let named = first.count > all / 2 ? ranked.prefix(1) : ranked.prefix(Self.mostNamed)
        let count = named.reduce(0) { saturating($0, $1.count) }
        return (Wording.count(count), all, Wording.list(named.map(\.name.text), atMost: Self.mostNamed))
    }
}

/// A sum that ends at the largest number: the JSON of another host may have any.
func saturating(_ left: Int, _ right: Int) -> Int {
    let (sum, overflows) = left.addingReportingOverflow(right)
    return overflows ? (left > 0 ? .max : .min) : sum
}
