/// One port that a service wants: can it have it?
package struct ServiceLine: Equatable, Sendable {
    /// The port.
    package var port: Port
    /// How the exporter knows that a service wants it.
    package var origin: Origin
    /// Whether the service listens on it: something does where the service did, or anywhere if none was seen before.
    package var isListening: Bool
    /// What holds it while the service does not listen; nil while it does, and before a reading of the table has said.
    package var holders: ServiceHolders?

    /// How the exporter knows that a service wants a port, by the label `origin` of `timewait_service_port_info`.
    package enum Origin: String, CaseIterable, Sendable {
        /// `--services.ports` names it.
        case configured
        /// It is in the ephemeral range and reserved.
        case reserved
        /// It was listened on again after its listener had gone.
        case learnt
    }

    package init(port: Port, origin: Origin, isListening: Bool, holders: ServiceHolders? = nil) {
        self.port = port
        self.origin = origin
        self.isListening = isListening
        self.holders = holders
    }
}

/// What holds a port while its service does not listen.
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
    package init() {}
}
