import Model

/// When the whole ephemeral range has no free port, whatever the destination.
///
/// connect() shares ports between destinations, and takes those of the other half only for a destination that uses more
/// than one half: its traffic alone does not use up the range. A socket that binds before it connects, without
/// IP_BIND_ADDRESS_NO_PORT, shares with nobody. It takes the other half first (inet_csk_find_open_port()), so that what
/// newly takes ports there goes on until there are none; then both halves are left to it.
struct RangeForecast: Sendable {
    private var bindGrowth = Growth()
    private var bothGrowth = Growth()
    /// Ports of the other half that were in use while no destination was large enough to have gone on there.
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
        // One destination explains the use of the other half: connections to others share all of these ports.
        if hasGoneOn, bound * 10 < used { return nil }
        if free <= 0 { return 0 }
        var forecast = PortForecast(lifetime: timing.meanLifetime)
        var arrivals = PortForecast(lifetime: timing.meanLifetime)
        // With its own half used up, what binds goes on in the other.
        let isSpilling = bind.free * 50 <= used + bind.free
        for half in [connect, bind] {
            for port in half.waiting { forecast.note(age: port.age) }
        }
        for half in isSpilling ? [connect, bind] : [bind] {
            for port in half.waiting where port.isNew { arrivals.note(age: port.age) }
        }
        let growth = (isSpilling ? bothGrowth : bindGrowth).perSecond(left: free)
        return forecast.seconds(free: free, rate: arrivals.rate, growth: growth)
    }
}
