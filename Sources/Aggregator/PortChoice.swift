import Model

/// Chooses the ports that get series of their own, so that a host with thousands of listeners has a bounded page.
///
/// A port that was chosen stays until its listener is forgotten: series that came and went with the traffic would be
/// worth nothing.
struct PortChoice: Sendable {
    private let settings: AccountingSettings
    private var chosen: Set<Port> = []

    init(_ settings: AccountingSettings) {
        self.settings = settings
    }

    /// Chooses among the ports of a reading: those chosen before, then, while there is room, the ports that somebody
    /// listens on: exposed ones first, then those of `--services.ports`, then by the most TIME_WAITs, then by number.
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
