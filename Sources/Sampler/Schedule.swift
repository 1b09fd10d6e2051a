import Ports

/// When something is due that happens at a steady rhythm. A moment that was missed, because something took too long or
/// the machine slept, is left out and not made up for.
struct Schedule: Sendable {
    /// Seconds between two times.
    let period: Double
    /// The next time.
    private(set) var next: Instant

    /// A rhythm whose first time is `start`.
    init(every period: Double, from start: Instant) {
        self.period = period
        next = start
    }

    /// Whether the time has come; if so, the next one is set.
    mutating func isDue(at now: Instant) -> Bool {
        guard now >= next else { return false }
        let missed = ((now - next) / period).rounded(.down)
        next = next + (missed + 1) * period
        return true
    }
}
