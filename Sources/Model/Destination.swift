/// The far end of connections from one local address. Towards each destination connect() can use
/// every port of the ephemeral range: two connections may share a local port if their destinations
/// differ.
public struct Destination: Hashable, Sendable {
    /// The host's own address, which the connections come from.
    public let source: IPAddress
    /// The far end's address, in IPv4 as v4-mapped IPv6.
    public let address: IPAddress
    /// The far end's port, which its service listens on.
    public let port: Port
    /// The index of the interface that the connections are bound to; 0 if they are not bound to
    /// one, and if it is unknown. The same link-local address on two links means two hosts.
    public let device: UInt32

    /// A destination from its parts.
    @inlinable
    public init(source: IPAddress, address: IPAddress, port: Port, device: UInt32 = 0) {
        self.source = source
        self.address = address
        self.port = port
        self.device = device
    }
}

extension Destination: Comparable {
    /// The order of lines on the page.
    public static func < (left: Destination, right: Destination) -> Bool {
        (left.source, left.address, left.port, left.device) < (right.source, right.address, right.port, right.device)
    }
}

/// The use of the ephemeral range towards all destinations.
package struct DestinationReport: Equatable, Sendable {
    /// The destinations that are shown, in their order on the page.
    package var lines: [DestinationLine] = []
    /// The number of distinct destinations.
    package var count = 0
    /// Whether `count` is the estimate of a sketch of bounded size.
    package var isEstimated = false
    /// Destinations that are not in `lines`.
    package var omitted = 0
    /// The highest number of ports in use towards one destination, without the reusable ones.
    package var worst = 0
    /// The destinations that use the most ports, in descending order; at most `mostNearest`, in
    /// `lines` or not.
    package var nearest: [DestinationUse] = []
    /// When the first destination runs out of ports, as forecast; nil if never. In the past if no
    /// port is left now.
    package var exhaustion: Instant?

    /// The most destinations in `nearest`.
    package static let mostNearest = 10

    package init() {}
}

/// How many of the usable ports a destination uses, with a forecast.
package struct DestinationUse: Equatable, Sendable {
    package var line: DestinationLine
    /// TIME_WAITs that begin, per second.
    package var rate: Double
    /// Growth of live connections, per second; 0 after a single reading.
    package var growth: Double
    /// Seconds until no port is left, as forecast; nil if never.
    package var exhaustion: Double?
    /// Whether TIME_WAITs have begun at this rate for some seconds; a short burst is no basis for a
    /// forecast.
    package var isSteady = true

    /// Ports in use, without the reusable ones.
    package var used: Int { line.live + line.timeWait }

    package init(line: DestinationLine, rate: Double, growth: Double, exhaustion: Double? = nil, isSteady: Bool = true)
    {
        self.line = line
        self.rate = rate
        self.growth = growth
        self.exhaustion = exhaustion
        self.isSteady = isSteady
    }
}

/// The ports in use towards one destination.
package struct DestinationLine: Equatable, Sendable {
    package var destination: Destination
    /// Ports of sockets in any state but TIME_WAIT.
    package var live = 0
    /// Ports of TIME_WAITs that the next connect() must not take, or that are not known to be
    /// reusable.
    package var timeWait = 0
    /// Ports of TIME_WAITs that the next connect() can take over.
    package var reusable = 0

    package init(destination: Destination, live: Int = 0, timeWait: Int = 0, reusable: Int = 0) {
        self.destination = destination
        self.live = live
        self.timeWait = timeWait
        self.reusable = reusable
    }
}
