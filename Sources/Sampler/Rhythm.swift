import Model

/// When something is due that happens at a steady rhythm. A moment that was missed, because
/// something took too long or the machine slept, is left out and not made up for.
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

/// Decides how long to wait between two readings of the socket table: as long as was asked for, and
/// longer where they would take more than their share of a core.
struct Pace: Sendable {
    /// The longest time between two readings, in seconds, whatever they cost: a TIME_WAIT lives 60,
    /// and has to be seen.
    static let longest = 30.0

    /// The seconds that were asked for.
    let requested: Double
    /// The seconds in force.
    private(set) var interval: Double
    /// The part of one core that readings may take.
    private let share: Double
    /// What a reading costs, in seconds of CPU time: a mean in which each new one counts for a
    /// quarter.
    private var cost: Double?

    init(requested: Double, share: Double) {
        self.requested = requested
        self.share = share
        interval = requested
    }

    /// Takes in what a reading cost.
    mutating func note(cost new: Double) {
        let cost = cost.map { $0 + (new - $0) / 4 } ?? new
        self.cost = cost
        interval = max(requested, min(cost / share, Self.longest))
    }
}

/// When to try again what was refused: after ten seconds, then after twice as long each time, up to
/// ten minutes. What a security module refuses it writes into the audit log at each try.
struct Retry: Sendable {
    private static let first = 10.0
    private static let longest = 600.0

    private var pause = first
    private var due: Instant?

    /// Whether it may be tried now.
    func isDue(at now: Instant) -> Bool { due.map { now >= $0 } ?? true }

    /// Takes in that a try failed.
    mutating func failed(at now: Instant) {
        due = now + pause
        pause = min(2 * pause, Self.longest)
    }

    /// Takes in that a try succeeded.
    mutating func succeeded() {
        due = nil
        pause = Self.first
    }
}
