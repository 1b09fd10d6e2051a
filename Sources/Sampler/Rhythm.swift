import KernelReaders
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

/// How long the readings of a tick may hold up its page, all together: the table has a time of its
/// own.
struct TickTime: Sendable {
    /// The seconds after which a reading is late.
    let budget: Double
    private let end: Instant

    /// Begins now. It ends a little later than a reading that begins now is late.
    init(budget: Double) {
        self.budget = budget
        end = Clock.now + min(budget, 1e6) + 0.25
    }

    /// The seconds that are left; at least enough for a reading that was held up by another.
    var remaining: Double { max(end - Clock.now, 0.1) }
}

/// Decides how long to wait between two readings, so that all that is done regularly takes no more
/// than its share of a core.
///
/// What is done each second may take half of the share, the look at the listeners alone an eighth,
/// and each of both that are read aside a sixteenth; above that they are done more rarely. The
/// socket table has what they leave.
struct Pace: Sendable {
    /// The longest time between two readings, in seconds, whatever they cost: a TIME_WAIT lives 60,
    /// and has to be seen.
    static let longest = 30.0

    /// When a look at the listeners is tried again that costs too much, in seconds.
    private static let retry = 600.0

    /// How old, in seconds, what is read aside may get for the sake of its share.
    private static let oldest = 240.0

    /// The seconds between two readings of the socket table that were asked for.
    let requested: Double
    /// Those in force.
    private(set) var interval: Double
    /// The seconds between two readings of the small files.
    private(set) var second = 1.0
    /// The seconds between two looks at the listeners.
    private(set) var look = 1.0
    /// The part of one core that readings may take.
    private let share: Double

    /// What something costs, in seconds of CPU time: a mean in which each new one counts for a
    /// quarter.
    private struct Cost {
        private(set) var mean = 0.0
        private var count = 0

        /// - Parameter warmsUp: whether the first one is left out: it makes what the next ones find
        ///   made.
        mutating func note(_ new: Double, warmsUp: Bool) {
            count += 1
            let first = warmsUp ? 2 : 1
            if count >= first { mean = count == first ? new : mean + (new - mean) / 4 }
        }
    }

    private var (table, seconds, looks) = (Cost(), Cost(), Cost())
    /// The parts of a core that collectors take that are read aside.
    private var asides: [Collector: Double] = [:]

    init(requested: Double, share: Double) {
        self.requested = requested
        self.share = share
        interval = requested
    }

    /// Takes in what a reading of the socket table cost, with all that belongs to it.
    mutating func note(table cost: Double) {
        table.note(cost, warmsUp: false)
        update()
    }

    /// Takes in what was done in a second: the small files, and the page.
    mutating func note(second cost: Double) {
        seconds.note(cost, warmsUp: true)
        update()
    }

    /// Takes in what a look at the listeners alone cost.
    mutating func note(look cost: Double) {
        looks.note(cost, warmsUp: true)
        update()
    }

    /// The seconds after which a collector may be read aside again, at least half of the interval
    /// that was asked for. What it costs counts, not how long it took: a reading that hung may go
    /// well the next time. Up to `oldest` its share decides; beyond, a hundredth of the time.
    mutating func pause(of collector: Collector, costing cost: Double) -> Double {
        let pause = max(100 * cost, min(cost / (share / 16), Self.oldest), requested / 2)
        asides[collector] = cost / pause
        update()
        return pause
    }

    private mutating func update() {
        second = min(max(1, seconds.mean / (share / 2)), Self.longest)
        look = max(second, looks.mean / (share / 8))
        // The table is read more often than that, and with it the listeners.
        if look > Self.longest { look = Self.retry }
        let left = share - seconds.mean / second - looks.mean / look - asides.values.reduce(0, +)
        interval = max(requested, min(table.mean / max(left, share / 4), Self.longest))
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
