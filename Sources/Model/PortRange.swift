/// A range of ports, both ends included, as the kernel means `ip_local_port_range`.
///
/// Never empty: the kernel accepts low == high and refuses low > high.
public struct PortRange: Equatable, Sendable {
    /// The first port of the range.
    public let low: Port
    /// The last port of the range.
    public let high: Port

    /// A range from `low` to `high`, or nil where `low` is above `high`.
    public init?(low: Port, high: Port) {
        guard low <= high else { return nil }
        self.low = low
        self.high = high
    }

    /// The range of one port.
    public init(_ port: Port) {
        low = port
        high = port
    }

    private init(from low: Port, to high: Port) {
        self.low = low
        self.high = high
    }

    /// The range that ends with a later port.
    func extended(to high: Port) -> PortRange { PortRange(from: low, to: high) }

    /// The number of ports, 1 to 65,536: high - low + 1. (Several peers are off by one here.)
    public var count: Int { Int(high) - Int(low) + 1 }

    /// Whether the port lies in the range.
    public func contains(_ port: Port) -> Bool { low <= port && port <= high }
}
