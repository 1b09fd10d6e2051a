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
}
