/// A TCP port number, in host byte order; 0 means "none" in the kernel's tables.
public typealias Port = UInt16

/// A range of ports that includes both ends, like `ip_local_port_range`.
///
/// Never empty: the kernel accepts low == high and rejects low > high.
public struct PortRange: Equatable, Sendable {
    /// The first port of the range.
    public let low: Port
    /// The last port of the range.
    public let high: Port

    /// Nil if `low` is above `high`.
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

    /// The range with a later last port.
    func extended(to high: Port) -> PortRange { PortRange(from: low, to: high) }

    /// The number of ports, 1 to 65,536.
    public var count: Int { Int(high) - Int(low) + 1 }

    /// Whether the port is in the range.
    public func contains(_ port: Port) -> Bool { low <= port && port <= high }

    /// Whether connect() tries the port before those of the other half, which bind() to port 0
    /// tries first: those with the parity of the range's first port.
    package func isConnectFirst(_ port: Port) -> Bool { port % 2 == low % 2 }
}

/// The ports that the kernel assigns when a program does not ask for a number:
/// `ip_local_port_range` without `ip_local_reserved_ports`.
public struct EphemeralRange: Equatable, Sendable {
    /// `ip_local_port_range`.
    public var ports: PortRange
    /// `ip_local_reserved_ports`, including entries outside the range.
    public var reserved: PortSet

    /// Creates a range from both sysctls.
    public init(ports: PortRange, reserved: PortSet) {
        self.ports = ports
        self.reserved = reserved
    }

    /// Whether an outgoing connection can take the port: it is in the range and not reserved.
    public func exposes(_ port: Port) -> Bool { ports.contains(port) && !reserved.contains(port) }

    /// The port that connect() may miss: the first port of a range with an odd number of ports.
    /// connect() visits an even number of ports, so it can fail while this is the only free one
    /// (__inet_hash_connect(), net/ipv4/inet_hashtables.c). Nil for an even number, and for a
    /// single port.
    public var portMissedByConnect: Port? {
        ports.count > 1 && !ports.count.isMultiple(of: 2) ? ports.low : nil
    }
}

/// `ip_local_port_range` and `ip_local_reserved_ports`; nil if unreadable.
public struct PortSysctls: Equatable, Sendable {
    /// `ip_local_port_range`.
    public var ports: PortRange?
    /// `ip_local_reserved_ports`, including entries outside the range.
    public var reserved: PortSet?

    /// Both together; nil if one is unknown.
    public var range: EphemeralRange? {
        guard let ports, let reserved else { return nil }
        return EphemeralRange(ports: ports, reserved: reserved)
    }

    /// Whether one of the values is another one here; an unreadable one is not.
    public func contradicts(_ other: PortSysctls) -> Bool {
        func differ<Value: Equatable>(_ one: Value?, _ other: Value?) -> Bool {
            one != nil && other != nil && one != other
        }
        return differ(ports, other.ports) || differ(reserved, other.reserved)
    }

    /// Creates the values from both sysctls; nil for unreadable ones.
    public init(ports: PortRange? = nil, reserved: PortSet? = nil) {
        self.ports = ports
        self.reserved = reserved
    }
}
