/// What the kernel gives a whole range of ports for: the same port serves as many destinations as there are.
package struct Destination: Hashable, Sendable {
    /// Where the connections come from.
    package let source: IPAddress
    /// Where they go.
    package let address: IPAddress
    /// The port there.
    package let port: Port
    /// The interface that the connections are bound to, by its index; 0 where they are bound to none, and where nobody
    /// knows. The same link-local address on two links is two hosts.
    package let device: UInt32

    /// A destination from its parts.
    package init(source: IPAddress, address: IPAddress, port: Port, device: UInt32 = 0) {
        self.source = source
        self.address = address
        self.port = port
        self.device = device
    }
}

extension Destination: Comparable {
    /// The order of lines on the page.
    package static func < (left: Destination, right: Destination) -> Bool {
        (left.source, left.address, left.port, left.device) < (right.source, right.address, right.port, right.device)
    }
}

/// What readings say of all destinations.
package struct DestinationReport: Equatable, Sendable {
    /// The chosen ones, in their order.
    package var lines: [DestinationLine] = []
    /// How many distinct ones there are.
    package var count = 0
    /// Whether a bounded sketch counted them.
    package var isEstimated = false
    /// Those that have no line.
    package var omitted = 0
    /// The most ports that are used towards one of them, reusable ones not counted.
    package var worst = 0
    /// Those that use most, the heaviest first, with a line or without one; at most `mostNearest`.
    package var nearest: [DestinationUse] = []
    /// When the first of them has no port left, as forecast; nil if never. In the past where nothing is left now.
    package var exhaustion: Instant?

    /// The most destinations in `nearest`.
    package static let mostNearest = 10

    /// Nothing counted yet.
    package init() {}
}

/// How much of the usable ports a destination uses, and how that goes on.
package struct DestinationUse: Equatable, Sendable {
    /// The ports.
    package var line: DestinationLine
    /// TIME_WAITs that begin in a second.
    package var rate: Double
    /// By how much live connections grow in a second; 0 where one reading knows no growth.
    package var growth: Double
    /// In how many seconds no port is left, as forecast; nil if never.
    package var exhaustion: Double?
    /// Whether TIME_WAITs have begun at this rate for some seconds; a burst of a moment is no rate to go by.
    package var isSteady = true

    /// Ports that are used, reusable ones not counted.
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

/// The ports that are used towards one destination.
package struct DestinationLine: Equatable, Sendable {
    /// Where to.
    package var destination: Destination
    /// Ports of sockets in any state but TIME_WAIT.
    package var live = 0
    /// Ports of TIME_WAITs that the next connect() may not take, or not that anybody knows.
    package var timeWait = 0
    /// Ports of TIME_WAITs that it is known to take.
    package var reusable = 0

    package init(destination: Destination, live: Int = 0, timeWait: Int = 0, reusable: Int = 0) {
        self.destination = destination
        self.live = live
        self.timeWait = timeWait
        self.reusable = reusable
    }
}
