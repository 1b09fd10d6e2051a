import Model

/// When ports run out that TIME_WAITs give back. Every TIME_WAIT says when its port comes back; those that begin are
/// taken to go on as they began of late, and live connections to grow as they do.
struct PortForecast: Sendable {
    /// The steps of a lifetime in which it is simulated.
    private static let steps = 61

    /// How long a port is out of use from the beginning of its TIME_WAIT, in seconds.
    private let lifetime: Double
    private let stepsPerSecond: Double
    /// The seconds in which births are counted: those of a port that may be reused sooner are gone sooner.
    private let window: Double
    /// Ports by the step in which they come back.
    private var returns = InlineArray<61, UInt16>(repeating: 0)
    /// Ports whose TIME_WAIT began in the last `window` seconds.
    private var births = 0
    /// The age of the oldest, in seconds.
    private var oldest = 0.0

    /// - Parameter lifetime: how long a port is out of use, in seconds: the length of TIME_WAIT, or the delay after which
    ///   it may be reused.
    init(lifetime: Double) {
        // Where reuse has no delay to speak of the simulation needs a step all the same.
        self.lifetime = max(lifetime, 0.1)
        stepsPerSecond = Double(Self.steps) / self.lifetime
        window = min(TimeWaitTiming.newAge, self.lifetime)
    }

    /// Notes a port that a TIME_WAIT of this age, in seconds, keeps out of use.
    @inline(__always)
    mutating func note(age: Double) {
        let left = max(0, lifetime - age)
        let step = min(Self.steps - 1, Int(left * stepsPerSecond))
        if returns[step] < .max { returns[step] += 1 }
        if age < window { births += 1 }
        oldest = max(oldest, age)
    }

    /// TIME_WAITs that begin in a second; 0 where fewer than three did: one or two are no rate.
    var rate: Double { births < 3 ? 0 : Double(births) / max(min(1, window), min(window, oldest)) }

    /// Whether that rate has lasted for half of the window: what began a moment ago may be a burst.
    var isSteady: Bool { oldest >= window / 2 }

    /// In how many seconds no port is left; nil if that never comes.
    ///
    /// - Parameters:
    ///   - free: ports that are left now.
    ///   - rate: TIME_WAITs that begin in a second and take a port each.
    ///   - growth: by how much live connections grow in a second.
    func seconds(free: Int, rate: Double, growth: Double) -> Double? {
        if free <= 0 { return 0 }
        let free = Double(free)
        let step = lifetime / Double(Self.steps)
        // Used more than now, step by step: what comes, less what comes back. No TIME_WAIT of now is left after that.
        var (returned, before) = (0.0, 0.0)
        for index in 0..<Self.steps {
            returned += Double(returns[index])
            let more = (rate + growth) * step * Double(index + 1) - returned
            if more >= free { return step * (Double(index) + (free - before) / (more - before)) }
            before = more
        }
        // From then on as many come back as begin.
        return growth > 0 ? lifetime + (free - before) / growth : nil
    }
}
