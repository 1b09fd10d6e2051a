import Model

/// When ports run out that TIME_WAITs give back. Every TIME_WAIT says when its port comes back;
/// those that begin are taken to go on as they began of late, and live connections to grow as they
/// do.
struct PortForecast: Sendable {
    /// The steps of a lifetime in which it is simulated.
    private static let steps = 61

    /// How long a port is out of use from the beginning of its TIME_WAIT, in seconds.
    private let lifetime: Double
    private let milliseconds: UInt32
    /// Steps in a millisecond, times 2^32: a row is worth no division.
    private let scale: UInt64
    /// The seconds in which births are counted: those of a port that may be reused sooner are gone
    /// sooner.
    private let window: Double
    private let windowInMilliseconds: UInt32
    /// Ports by the step in which they come back.
    private var returns = InlineArray<61, UInt16>(repeating: 0)
    /// Ports whose TIME_WAIT began in the last `window` seconds.
    private var births = 0
    /// The age of the oldest, in milliseconds.
    private var oldest: UInt32 = 0

    /// - Parameter lifetime: how long a port is out of use, in seconds: the length of TIME_WAIT, or
    ///   the delay after which it may be reused.
    init(lifetime: Double) {
        // Where reuse has no delay to speak of the simulation needs a step all the same.
        self.lifetime = max(lifetime, 0.1)
        milliseconds = UInt32(self.lifetime * 1000)
        scale = UInt64(Self.steps) << 32 / UInt64(milliseconds)
        window = min(TimeWaitTiming.newAge, self.lifetime)
        windowInMilliseconds = UInt32(window * 1000)
    }

    /// Notes a port that a TIME_WAIT of this age, in milliseconds, keeps out of use.
    @inline(__always)
    mutating func note(age: UInt32) {
        let left = age < milliseconds ? milliseconds - age : 0
        let step = min(Self.steps - 1, Int(truncatingIfNeeded: (UInt64(left) &* scale) >> 32))
        if returns[step] < .max { returns[step] += 1 }
        births += age < windowInMilliseconds ? 1 : 0
        oldest = max(oldest, age)
    }

    /// TIME_WAITs that begin in a second; 0 where fewer than three did: one or two are no rate.
    var rate: Double { births < 3 ? 0 : Double(births) / max(min(1, window), min(window, Double(oldest) / 1000)) }

    /// Whether that rate has lasted for half of the window: what began a moment ago may be a burst.
    var isSteady: Bool { oldest >= windowInMilliseconds / 2 }

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
        // Used more than now, step by step: what comes, less what comes back. No TIME_WAIT of now
        // is left after that.
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

/// When the whole ephemeral range has no free port, whatever the destination.
///
/// connect() shares ports between destinations, and takes those of the other half only for a
/// destination that uses more than one half: its traffic alone does not use up the range. A socket
/// that binds before it connects, without IP_BIND_ADDRESS_NO_PORT, shares with nobody. It takes the
/// other half first (inet_csk_find_open_port()), so that what newly takes ports there goes on until
/// there are none; then both halves are left to it.
struct RangeForecast: Sendable {
    private var bindGrowth = Growth()
    private var bothGrowth = Growth()
    /// Ports of the other half that were in use while no destination was large enough to have gone
    /// on there.
    private var bound = 0

    /// Takes in a reading.
    ///
    /// - Parameters:
    ///   - usable: the ports that the kernel gives to who asks for none by number.
    ///   - low: the first port of the range.
    ///   - busiest: the ports of the destination that has most, those that may be reused included.
    /// - Returns: in how many seconds no port is left; nil if that never comes.
    mutating func note(
        _ held: LocalPorts,
        usable: PortSet,
        low: Port,
        busiest: Int,
        _ timing: TimeWaitTiming,
        at now: Instant
    ) -> Double? {
        let connect = held.flow(of: usable, sharingParityOf: low)
        let bind = held.flow(of: usable, sharingParityOf: low ^ 1)
        bindGrowth.note(bind.live, at: now)
        bothGrowth.note(bind.live + connect.live, at: now)
        let free = connect.free + bind.free
        let used = bind.live + bind.waiting.count
        let hasGoneOn = busiest * 10 >= (connect.free + connect.live + connect.waiting.count) * 9
        bound = hasGoneOn ? min(bound, used) : used
        // One destination explains the use of the other half: connections to others share all of
        // these ports.
        if hasGoneOn, bound * 10 < used { return nil }
        if free <= 0 { return 0 }
        var forecast = PortForecast(lifetime: timing.meanLifetime)
        var arrivals = PortForecast(lifetime: timing.meanLifetime)
        // With its own half used up, what binds goes on in the other.
        let isSpilling = bind.free * 50 <= used + bind.free
        for half in [connect, bind] {
            for port in half.waiting { forecast.note(age: UInt32(port.age * 1000)) }
        }
        for half in isSpilling ? [connect, bind] : [bind] {
            for port in half.waiting where port.isNew { arrivals.note(age: UInt32(port.age * 1000)) }
        }
        let growth = (isSpilling ? bothGrowth : bindGrowth).perSecond(left: free)
        return forecast.seconds(free: free, rate: arrivals.rate, growth: growth)
    }
}
