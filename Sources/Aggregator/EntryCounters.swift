import Model

/// Counts the TIME_WAITs that began, for the host and for each service port. A port's counter outlives its listener: a
/// service that comes back goes on counting where it was.
struct EntryCounters: Sendable {
    private struct Counter {
        var entries = PortTimeWait()
        /// When the port was known last.
        var known: Instant
    }

    /// How many ports are remembered that nobody listens on.
    private let remembered: Int
    private var ports: [Port: Counter] = [:]
    /// Those of the host.
    private(set) var host = TimeWaitCounts()

    init(remembered: Int) {
        self.remembered = remembered
    }

    /// What a port has counted.
    func entries(of port: Port) -> PortTimeWait { ports[port]?.entries ?? PortTimeWait() }

    /// Adds what one reading found.
    ///
    /// - Parameters:
    ///   - new: TIME_WAITs of the host that began.
    ///   - lines: the ports that somebody listens on, or did until a moment ago, and of each those that began.
    mutating func add(_ new: TimeWaitCounts, _ lines: some Sequence<(port: Port, new: PortTimeWait)>, at now: Instant) {
        host += new
        for (port, new) in lines {
            // A port without a TIME_WAIT needs no counter yet.
            guard new.total > 0 || ports[port] != nil else { continue }
            ports[port, default: Counter(known: now)].entries += new
            ports[port]?.known = now
        }
        forget(at: now)
    }

    /// Drops the ports that have been gone for the longest, above the number that is remembered.
    private mutating func forget(at now: Instant) {
        let gone = ports.filter { $0.value.known < now }
        guard gone.count > remembered else { return }
        let oldest = gone.sorted { ($0.value.known, $0.key) < ($1.value.known, $1.key) }
        for (port, _) in oldest.prefix(gone.count - remembered) { ports[port] = nil }
    }
}
