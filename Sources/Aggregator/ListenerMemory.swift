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

    /// What is known of an end.
    private struct Memory {
        /// When a reading first missed it; nil while it is there.
        var vanished: Instant?
        /// Whether every listener there takes IPv6 only.
        var isV6Only: Bool
    }

    private var ends: [End: Memory] = [:]

    /// Takes in the listeners of one reading.
    ///
    /// - Returns: all that are to be known, in no particular order, and whether they take IPv6 only.
    mutating func update(_ listeners: [SocketRow], at now: Instant) -> [(end: End, isV6Only: Bool)] {
        let rows = listeners.map { (End(address: $0.localAddress, port: $0.localPort), $0.isV6Only) }
        let present = Dictionary(rows) { $0 && $1 }
        for (end, memory) in ends where present[end] == nil {
            let vanished = memory.vanished ?? now
            ends[end]?.vanished = vanished
            if now - vanished >= Self.seconds { ends[end] = nil }
        }
        for (end, isV6Only) in present { ends[end] = Memory(isV6Only: isV6Only) }
        return ends.map { ($0.key, $0.value.isV6Only) }
    }
}
