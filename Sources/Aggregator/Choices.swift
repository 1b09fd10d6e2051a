import Model

/// Chooses the ports that get series of their own, so that a host with thousands of listeners has a
/// bounded page.
///
/// A port that was chosen stays until its listener is forgotten: series that came and went with the
/// traffic would be worth nothing.
struct PortChoice: Sendable {
    private let settings: AccountingSettings
    private var chosen: Set<Port> = []

    init(_ settings: AccountingSettings) {
        self.settings = settings
    }

    /// Chooses among the ports of a reading: those chosen before, then, while there is room, the
    /// ports that somebody listens on: exposed ones first, then those of `--services.ports`, then
    /// by the most TIME_WAITs, then by number.
    ///
    /// - Returns: the chosen lines by port number.
    mutating func choose(from lines: [PortLine], listening: PortSet) -> [PortLine] {
        chosen.formIntersection(lines.map(\.port))
        let newcomers = lines.filter { line in
            listening.contains(line.port) && !chosen.contains(line.port) && settings.includes(line.port)
        }
        if chosen.count < settings.portsLimit, !newcomers.isEmpty {
            let best = newcomers.sorted { rank($0) < rank($1) }.prefix(settings.portsLimit - chosen.count)
            chosen.formUnion(best.map(\.port))
        }
        return lines.filter { chosen.contains($0.port) }.sorted { $0.port < $1.port }
    }

    private func rank(_ line: PortLine) -> (Int, Int, Int, Port) {
        let isConfigured = settings.servicePorts.contains(line.port)
        return (line.isExposed == true ? 0 : 1, isConfigured ? 0 : 1, -(line.timeWait?.total ?? 0), line.port)
    }
}

/// Chooses the service ports that get series of their own: those that were asked for, and of the
/// others, which are known by themselves, those that something holds.
struct ServiceChoice: Sendable {
    /// Why a port gets series, the most urgent first.
    private enum Urgency: Int {
        /// The service is gone, and something holds its port.
        case held
        /// The service is gone.
        case gone
        /// It listens.
        case listening
    }

    private let limit: Int
    private let wanted: PortSet
    private var chosen: Set<Port> = []

    init(limit: Int, wanted: PortSet) {
        self.limit = limit
        self.wanted = wanted
    }

    /// Chooses among the ports of a reading. Where the limit cuts, one that was chosen stays before
    /// others of the same urgency, and then those with the lowest numbers.
    ///
    /// - Parameters:
    ///   - known: ports that are not asked for, and that something holds.
    ///   - held: every port whose service is gone and that something holds.
    ///   - home: the ports whose service listens.
    /// - Returns: the chosen ones by number, and how many are left out.
    mutating func choose(
        from known: some Sequence<Port>,
        held: Set<Port>,
        home: PortSet
    ) -> (ports: [Port], omitted: Int) {
        let all = Array(wanted) + known
        guard all.count > limit else {
            chosen = Set(all)
            return (all.sorted(), 0)
        }
        let ranked = all.map { port in
            let urgency: Urgency = home.contains(port) ? .listening : held.contains(port) ? .held : .gone
            return (urgency.rawValue, chosen.contains(port) ? 0 : 1, port)
        }
        let ports = ranked.sorted { $0 < $1 }.prefix(limit).map(\.2)
        chosen = Set(ports)
        return (ports.sorted(), all.count - ports.count)
    }
}

/// Chooses the destinations that get series of their own. One enters when it uses 5 % of the usable
/// ports and there is room, and leaves when it has used less than 2 % for five minutes: series that
/// came and went with the traffic would be worth nothing.
struct DestinationChoice: Sendable {
    private let limit: Int
    /// The chosen ones, and since when each is too small; nil where it is not.
    private var chosen: [Destination: Instant?] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    var destinations: [Destination] { chosen.keys.sorted() }

    /// Takes in a reading.
    ///
    /// - Parameters:
    ///   - candidates: destinations and the ports they use, the heaviest first.
    ///   - use: how many ports a chosen one uses.
    mutating func update(
        _ candidates: [(destination: Destination, used: Int)],
        usable: Int,
        at now: Instant,
        use: (Destination) -> Int
    ) {
        for (destination, since) in chosen {
            guard use(destination) * 50 < usable else {
                chosen[destination] = .some(nil)
                continue
            }
            let start = since ?? now
            chosen[destination] = now - start >= 300 ? nil : .some(start)
        }
        for (destination, used) in candidates where used * 20 >= usable && used > 0 {
            guard chosen.count < limit else { return }
            if chosen[destination] == nil { chosen[destination] = .some(nil) }
        }
    }
}
