import Model

/// When something is due that happens at a steady rhythm. A moment that was missed, because something took too long or
/// the machine slept, is left out and not made up for.
struct Schedule: Sendable {
    /// Seconds between two times.
    private(set) var period: Double
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

    /// Takes another rhythm, from now on.
    mutating func change(to period: Double, at now: Instant) {
        guard period != self.period else { return }
        self.period = period
        next = now + period
    }
}
