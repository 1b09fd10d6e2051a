import Model

/// The listeners of now, and those that vanished less than `TimeWaitTiming.listenerMemory` ago.
///
/// A service that restarts is away for a moment, and its TIME_WAITs outlive it: they are still its own, and its series
/// stay on the page that long.
struct ListenerMemory: Sendable {
    /// The known ends, and when a look first missed each; nil while it is there.
    private var ends: [ListenerEnd: Instant?] = [:]

    /// All that are to be known, in no particular order.
    var known: some Sequence<ListenerEnd> { ends.keys }

    /// Takes in the listeners of one moment.
    mutating func update(_ listeners: [SocketRow], _ timing: TimeWaitTiming, at now: Instant) {
        let present = Set(listeners.map { ListenerEnd($0) })
        for (end, vanished) in ends where !present.contains(end) {
            let vanished = vanished ?? now
            ends[end] = now - vanished >= timing.listenerMemory ? nil : .some(vanished)
        }
        for end in present { ends[end] = .some(nil) }
    }
}
