import Model

/// Chooses the service ports that get series of their own: those that were asked for, and of the others, which are
/// known by themselves, those that something holds.
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

    /// Chooses among the ports of a reading. Where the limit cuts, one that was chosen stays before others of the same
    /// urgency, and then those with the lowest numbers.
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
