import Ports

/// The listeners of now and of the last 65 seconds.
///
/// A service that restarts is away for a moment, and its TIME_WAITs outlive it by up to 62 seconds: they are still its
/// own, and its series stay on the page that long.
struct ListenerMemory: Sendable {
    /// Where a socket listens.
    struct End: Hashable, Sendable {
        let address: IPAddress
        let port: Port
    }

    /// How long a listener that vanished is remembered, in seconds: a TIME_WAIT's 60 and what the kernel's timers round
    /// up.
    static let seconds = 65.0

    /// Every listener, and when a reading first missed it; nil while it is there.
    private var ends: [End: Instant?] = [:]

    /// Takes in the listeners of one reading.
    ///
    /// - Returns: all that are to be known, in no particular order.
    mutating func update(_ listeners: [SocketRow], at now: Instant) -> [End] {
        let present = Set(listeners.map { End(address: $0.localAddress, port: $0.localPort) })
        for (end, vanished) in ends where !present.contains(end) {
            let vanished = vanished ?? now
            ends[end] = now - vanished < Self.seconds ? .some(vanished) : nil
        }
        for end in present { ends[end] = .some(nil) }
        return Array(ends.keys)
    }
}
