import Ports

/// Chooses the service ports that get series of their own: those that were asked for, always; of the others, which are
/// known by themselves, those that something holds.
struct ServiceChoice: Sendable {
    private let limit: Int
    private let wanted: [Port]
    private var chosen: Set<Port> = []

    init(limit: Int, wanted: PortSet) {
        self.limit = limit
        self.wanted = (Port.min...Port.max).filter { wanted.contains($0) }
    }

    /// Chooses among the ports of a reading. One that was chosen stays as long as something holds it.
    ///
    /// - Parameter held: ports that are not asked for, and that something holds.
    /// - Returns: the chosen ones by number, and how many are left out.
    mutating func choose(from held: some Sequence<Port>) -> (ports: [Port], omitted: Int) {
        let others = held.sorted { (chosen.contains($0) ? 0 : 1, $0) < (chosen.contains($1) ? 0 : 1, $1) }
        let all = wanted + others
        let ports = all.prefix(limit)
        chosen = Set(ports)
        return (ports.sorted(), all.count - ports.count)
    }
}
