import Ports

/// When a destination has no port left. Every TIME_WAIT tells when its port comes back; what comes is taken to go on as
/// it did in the last ten seconds.
struct DestinationForecast: Sendable {
    /// How long a port stays in TIME_WAIT, in seconds: 60, and what the kernel's timers round up in the mean at HZ=250.
    private static let lifetime = 61.0

    /// TIME_WAITs by the seconds they have left, rounded up; 0 only wait for the kernel's timer.
    private var ends: [64 of UInt16] = .init(repeating: 0)
    /// TIME_WAITs that began in the last ten seconds.
    private var births = 0
    /// The milliseconds that the oldest has left.
    private var shortest: UInt32 = 60_000

    /// Notes a TIME_WAIT.
    mutating func note(timerRemaining: UInt32) {
        let remaining = min(timerRemaining, 60_000)
        ends[Int(remaining + 999) / 1000] &+= 1
        if remaining > 50_000 { births += 1 }
        shortest = min(shortest, remaining)
    }

    /// TIME_WAITs that begin in a second.
    private var rate: Double {
        let oldest = Double(60_000 - shortest) / 1000
        return Double(births) / max(1, min(10, oldest))
    }

    /// In how many seconds no port is left; nil if that never comes.
    ///
    /// - Parameters:
    ///   - usable: ports that can be used at all.
    ///   - live: ports of sockets that are not TIME_WAIT.
    ///   - timeWait: ports in TIME_WAIT that cannot be taken over.
    ///   - growth: by how much `live` grows in a second.
    ///   - isReused: whether TIME_WAITs can be taken over once they are a second or so old. Then those that begin take
    ///     the place of others.
    func seconds(usable: Int, live: Int, timeWait: Int, growth: Double, isReused: Bool) -> Double? {
        if live + timeWait >= usable { return 0 }
        let free = Double(usable - live - timeWait)
        if isReused { return growth > 0 ? free / growth : nil }
        let rate = rate
        // Used more than now, second by second: what comes, less what ends. No TIME_WAIT of now is left after that.
        var (ended, before) = (0.0, 0.0)
        for second in 0..<Int(Self.lifetime) {
            ended += Double(ends[second])
            let more = (rate + growth) * Double(second + 1) - ended
            if more >= free { return Double(second) + (free - before) / (more - before) }
            before = more
        }
        // From then on as many end as begin.
        return growth > 0 ? Self.lifetime + (free - before) / growth : nil
    }
}

/// How many ports live connections to a destination had in the last readings.
struct LiveHistory: Sendable {
    private var readings: [(at: Instant, live: Int)] = []

    /// Takes in a reading. It keeps ten seconds, and two readings at least.
    mutating func note(_ live: Int, at now: Instant) {
        readings.append((now, live))
        while readings.count > 2, now - readings[1].at >= 10 { readings.removeFirst() }
    }

    /// By how much they grow in a second, 0 if they do not: what comes and goes is no growth, so that even the lowest
    /// number of the later readings has to be above the highest of the earlier ones.
    var growth: Double {
        guard let first = readings.first, let last = readings.last, readings.count > 1 else { return 0 }
        let half = readings.count / 2
        let earlier = readings[..<half].map(\.live).max() ?? 0
        let later = readings[half...].map(\.live).min() ?? 0
        return later > earlier + 1 ? Double(last.live - first.live) / (last.at - first.at) : 0
    }
}
