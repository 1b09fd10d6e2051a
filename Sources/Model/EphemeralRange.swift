/// Where the kernel looks for a port that nobody asked for by number: `ip_local_port_range` and
/// `ip_local_reserved_ports`.
public struct EphemeralRange: Equatable, Sendable {
    /// `ip_local_port_range`.
    public var ports: PortRange
    /// `ip_local_reserved_ports`, whole: entries outside the range too.
    public var reserved: PortSet

    /// The range and the reserved ports of one moment.
    public init(ports: PortRange, reserved: PortSet) {
        self.ports = ports
        self.reserved = reserved
    }

    /// Whether a port can be lost to an outgoing connection: in the range and not reserved.
    public func exposes(_ port: Port) -> Bool { ports.contains(port) && !reserved.contains(port) }

    /// The port that connect() finds free only from some of the places where it may start: the first one of a range with
    /// an odd number of ports. It looks at an even number of places, so that with that port as the only one left it
    /// fails (__inet_hash_connect(), net/ipv4/inet_hashtables.c). Nil for an even number, and for a single port.
    public var portMissedByConnect: Port? {
        ports.count > 1 && !ports.count.isMultiple(of: 2) ? ports.low : nil
    }
}

/// `ip_local_port_range` and `ip_local_reserved_ports`, as far as they could be read.
public struct PortSysctls: Equatable, Sendable {
    /// `ip_local_port_range`.
    public var ports: PortRange?
    /// `ip_local_reserved_ports`, whole.
    public var reserved: PortSet?

    /// Both together; nil where one is not known.
    public var range: EphemeralRange? {
        guard let ports, let reserved else { return nil }
        return EphemeralRange(ports: ports, reserved: reserved)
    }

    /// The two of one moment; nil for what could not be read.
    public init(ports: PortRange? = nil, reserved: PortSet? = nil) {
        self.ports = ports
        self.reserved = reserved
    }
}
