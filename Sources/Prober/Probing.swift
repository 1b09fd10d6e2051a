import System

/// A target that is probed, and where its probe is. Only the loop's thread has it.
final class Probing {
    enum Phase {
        case idle
        case resolving(Attempt)
        /// No source port is free.
        case waiting(Attempt)
        /// A connection of `tcp` is on its way.
        case connecting(Attempt, CInt)
        /// A new connection of `tcp` is there, and has to last for a moment.
        case proving(Attempt, CInt)
        case transferring(Attempt)
        /// It is probed no more.
        case ended
    }

    /// A probe on its way.
    struct Attempt {
        let begun: Duration
        /// The addresses to try, in their order.
        var addresses: [SocketAddress] = []
        /// Which one is tried.
        var place = 0
        var connections = 0
        /// How often another source port was tried.
        var portChanges = 0
        /// When the connection was there.
        var connectedAt: Duration?

        var address: SocketAddress? { place < addresses.count ? addresses[place] : nil }
    }

    let target: Target
    var phase = Phase.idle
    /// Another number for each phase, so that timers of an earlier one do nothing.
    var turn = 0
    /// nil for a target that is probed on request.
    var schedule: Schedule?
    /// Who waits for the probe's end.
    var completions: [@Sendable (ProbeResult) -> Void] = []
    /// When it was last probed on request.
    var askedAt = Duration.zero

    /// The address that the last connection was made to.
    var address: SocketAddress?
    /// The connection of `tcp` that is kept.
    var kept: CInt?
    /// When it, or the one before, was made.
    var connectedAt = Duration.zero
    /// Whether the peer ended the last connection of `tcp` within its youth.
    var hasEndedEarly = false
    /// What the log says of the target.
    var reported = ReportedState()
    /// The transfer of `http`, which libcurl keeps a connection for.
    var transfer: Transfer?
    /// The sockets of `http` that libcurl has open for it.
    var sockets: Set<CInt> = []
    /// The port of the connection that is kept, or was kept last.
    var sourcePort: UInt16?

    /// For so long after its beginning a connection of `tcp` is young.
    static let youth = Duration.seconds(1)

    init(_ target: Target) { self.target = target }

    var module: ProbeModule { target.module }
    var name: KnownNames.Name? {
        guard let host = target.host, target.numericHost == nil else { return nil }
        return KnownNames.Name(host: host, port: target.port)
    }

    func enter(_ phase: Phase) {
        self.phase = phase
        turn += 1
    }
}

/// What the log says of a target: each change of its state, but at most four in a minute. A change
/// that finds no place is reported later, if it has lasted.
struct ReportedState {
    private static let window = Duration.seconds(60)
    private static let most = 4

    private var wasSuccess = true
    private var begin = Duration.zero
    private var count = 0

    /// Whether a result is to be reported now.
    mutating func isNews(_ isSuccess: Bool, at now: Duration) -> Bool {
        guard isSuccess != wasSuccess else { return false }
        if count == 0 || now - begin >= Self.window { (begin, count) = (now, 0) }
        guard count < Self.most else { return false }
        count += 1
        wasSuccess = isSuccess
        return true
    }
}
