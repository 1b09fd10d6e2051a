import Ports

/// Chooses the ports that get series of their own, so that a host with thousands of listeners has a bounded page.
///
/// A port that was chosen stays until its listener is forgotten: series that came and went with the traffic would be
/// worth nothing.
struct PortChoice: Sendable {
    private let limit: Int
    private var chosen: Set<Port> = []

    init(limit: Int) {
        self.limit = limit
    }

    /// Chooses among the ports of a reading: those chosen before, then, while there is room, the ports that somebody
    /// listens on: exposed ones first, then by the most TIME_WAITs, then by number.
    ///
    /// - Returns: the chosen lines by port number.
    mutating func choose(from lines: [PortLine]) -> [PortLine] {
        chosen.formIntersection(lines.map(\.port))
        let newcomers = lines.filter { $0.listeners > 0 && !chosen.contains($0.port) }
        if chosen.count < limit, !newcomers.isEmpty {
            let best = newcomers.sorted { Self.rank($0) < Self.rank($1) }.prefix(limit - chosen.count)
            chosen.formUnion(best.map(\.port))
        }
        return lines.filter { chosen.contains($0.port) }.sorted { $0.port < $1.port }
    }

    private static func rank(_ line: PortLine) -> (Int, Int, Port) {
        (line.isExposed == true ? 0 : 1, -(line.timeWait?.total ?? 0), line.port)
    }
}
