/// When a target is probed: on a grid of its interval that begins at a random moment, each time up
/// to `jitter` of the interval later. A target that fails twice or more in a row gets a wider grid.
package struct Schedule: Sendable {
    private let interval: Duration
    private let jitter: Double
    private let backOffLimit: Duration
    /// The point of the grid that the next probe belongs to.
    private var slot: Duration
    private var failures = 0
    /// When the next probe begins.
    package private(set) var due: Duration

    /// - Parameter now: the first probe begins within an interval from here on.
    package init(
        _ module: ProbeModule,
        from now: Duration,
        using random: inout some RandomNumberGenerator
    ) {
        interval = max(module.interval, .milliseconds(1))
        jitter = module.jitter
        backOffLimit = max(module.backOffLimit, interval)
        slot = now + interval * Double.random(in: 0..<1, using: &random)
        due = slot
    }

    /// Moves on after a probe.
    ///
    /// - Returns: how many intervals were missed.
    package mutating func finish(
        isSuccess: Bool,
        at now: Duration,
        using random: inout some RandomNumberGenerator
    ) -> UInt64 {
        failures = isSuccess ? 0 : failures + 1
        let wider = interval * Double(1 << min(max(0, failures - 1), 20))
        let step = min(wider, backOffLimit)
        slot += step
        var missed: UInt64 = 0
        if slot < now {
            let late = ((now - slot) / step).rounded(.up)
            slot += step * late
            missed = UInt64(late)
        }
        due = slot + interval * (jitter * Double.random(in: 0..<1, using: &random))
        return missed
    }
}
