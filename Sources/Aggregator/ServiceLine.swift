package import Ports

/// One port that a service wants: can it have it?
package struct ServiceLine: Equatable, Sendable {
    /// The port.
    package var port: Port
    /// Whether something listens on it.
    package var isListening: Bool
    /// What holds it while nothing listens; nil while something does, and where no reading of the table has told yet.
    package var holders: ServiceHolders?
}

/// What holds a port on which no service listens.
package struct ServiceHolders: Equatable, Sendable {
    /// When a port is free again.
    package enum Free: Equatable, Sendable {
        /// It is.
        case now
        /// Surely from this moment on.
        case from(Instant)
        /// When a socket ends that may live on.
        case never
    }

    /// Connections that the service had accepted.
    package var own = 0
    /// All other sockets: an outgoing connection, or one that is only bound.
    package var other = 0
    /// Whether bind() without SO_REUSEADDR would succeed where the service listened last.
    package var isBindablePlain = true
    /// Whether bind() with SO_REUSEADDR would, if the service had set it before too.
    package var isBindableReusing = true
    /// When nothing holds it any more.
    package var free = Free.now

    /// A port that nothing holds.
    init() {}

    /// How long after its 60 seconds a TIME_WAIT may still be there, in seconds: the kernel's timers round up, by 4.096 s
    /// at HZ=1000 (calc_index(), kernel/time/timer.c).
    static let timerRounding = 4.1

    /// What holders mean for the service.
    init(_ holders: PortHolders.Holders) {
        own = holders.own
        other = holders.other
        isBindablePlain = !holders.blocksPlain
        isBindableReusing = !holders.blocksReuse
        if holders.isLive {
            free = .never
        } else if let lastEnd = holders.lastEnd {
            free = .from(lastEnd + Self.timerRounding)
        }
    }
}
