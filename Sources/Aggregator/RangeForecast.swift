import Ports

/// When the whole ephemeral range has no free port, whatever the destination.
///
/// connect() shares ports between destinations, and takes those of the other half only for a destination that uses more
/// than one half: its traffic alone does not use up the range. A socket that binds before it connects, without
/// IP_BIND_ADDRESS_NO_PORT, shares with nobody. It takes the other half first (inet_csk_find_open_port()), so that what
/// newly takes ports there goes on until there are none; then both halves are left to it.
struct RangeForecast: Sendable {
    private var bindGrowth = Growth()
    private var connectGrowth = Growth()

    /// Takes in a reading.
    ///
    /// - Parameters:
    ///   - usable: the ports that the kernel gives to who asks for none by number.
    ///   - low: the first port of the range.
    /// - Returns: in how many seconds no port is left; nil if that never comes.
    mutating func note(
        _ held: borrowing HeldPorts,
        usable: PortSet,
        low: Port,
        _ timing: TimeWaitTiming,
        at now: Instant
    ) -> Double? {
        let connect = held.flow(of: usable, sharingParityOf: low, timing)
        let bind = held.flow(of: usable, sharingParityOf: low ^ 1, timing)
        bindGrowth.note(bind.live, at: now)
        connectGrowth.note(connect.live, at: now)
        let free = connect.free + bind.free
        if free <= 0 { return 0 }
        var forecast = PortForecast(lifetime: timing.meanLifetime)
        var arrivals = PortForecast(lifetime: timing.meanLifetime)
        // With its own half used up, what binds goes on in the other.
        let isSpilling = bind.free * 50 <= bind.live + bind.waiting.count + bind.free
        for half in [connect, bind] {
            for port in half.waiting { forecast.note(age: port.age) }
        }
        for half in isSpilling ? [connect, bind] : [bind] {
            for port in half.waiting where port.isNew { arrivals.note(age: port.age) }
        }
        var growth = bindGrowth.perSecond(left: free)
        if isSpilling { growth += connectGrowth.perSecond(left: free) }
        return forecast.seconds(free: free, rate: arrivals.rate, growth: growth)
    }
}
