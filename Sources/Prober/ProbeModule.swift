/// How targets are probed: what `module` names in a configuration file and in `/probe?module=`.
package struct ProbeModule: Equatable, Sendable {
    /// What is done.
    package enum Kind: Equatable, Sendable {
        /// Looks for a LISTEN socket in the kernel's table. It opens no connection.
        case listen
        /// Keeps a connection, and checks that the peer still acknowledges.
        case tcp
        /// Sends a request over a kept connection, and reads the answer to its end.
        case http(HTTPSettings)
    }

    /// How this end closes a connection.
    package enum Closing: String, CaseIterable, Equatable, Sendable {
        /// FIN, then wait for the peer's FIN. Leaves a TIME_WAIT here if the peer has not closed
        /// first.
        case orderly
        /// FIN, and no TIME_WAIT here: TCP_LINGER2 = -1.
        case withoutTimeWait = "without-time-wait"
    }

    package var name: String
    package var kind: Kind
    /// Time between the starts of two probes.
    package var interval = Duration.seconds(15)
    /// The part of the interval by which a probe may start later, chosen at random each time.
    package var jitter = 0.1
    /// The longest interval of a target that fails.
    package var backOffLimit = Duration.seconds(60)
    /// Time until the connection is ready, TLS and the look-up of the name included.
    package var connectTimeout = Duration.seconds(3)
    /// Time from then to the first byte of the answer.
    package var firstByteTimeout = Duration.seconds(5)
    /// Time for the probe as a whole.
    package var timeout = Duration.seconds(10)
    /// Whether the connection is kept for the next probe.
    package var isKept = true
    package var closing = Closing.withoutTimeWait

    package init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// Modules that need no configuration. Those with two words have the names that
    /// blackbox_exporter's example gives them.
    package static var builtIn: [ProbeModule] {
        [
            ProbeModule("listen", .listen), ProbeModule("tcp", .tcp), ProbeModule("http", .http(HTTPSettings())),
            ProbeModule("tcp_connect", .tcp), ProbeModule("http_2xx", .http(HTTPSettings())),
        ]
    }
}

/// How `http` asks, and which answers it accepts.
package struct HTTPSettings: Equatable, Sendable {
    package enum Method: String, CaseIterable, Sendable {
        case get = "GET"
        case head = "HEAD"
    }

    package var method = Method.get
    /// The path of targets that have none.
    package var path = "/"
    /// The status codes of a success.
    package var status: [ClosedRange<Int>] = [200...299]
    /// The most bytes of a body; a longer one is a failure.
    package var bodyLimit = 1 << 20
    package var tls = TLSSettings()

    package init() {}
}

/// How `http` verifies a server's certificate.
package struct TLSSettings: Equatable, Sendable {
    /// A PEM file of the authorities; nil for those of the system.
    package var authorities: String?
    /// The name that is asked for (SNI) and verified; nil for the target's host.
    package var serverName: String?
    /// Whether every certificate is accepted.
    package var isInsecure = false

    package init() {}
}
