/// Reserved ports that protect nothing now.
package struct IdleReservedPorts: Equatable, Sendable {
    /// Outside of the ephemeral range, where no outgoing connection takes them anyway.
    package var outOfRange: Int
    /// In the range, with no TCP listener and no UDP socket on them; nil where the UDP sockets could not be read.
    package var noListener: Int?

    /// Parts the reserved ports of a range.
    package init(_ range: EphemeralRange, listening: PortSet, udp: PortSet?) {
        let inRange = range.reserved.intersection(PortSet(range.ports))
        outOfRange = range.reserved.count - inRange.count
        noListener = udp.map { inRange.subtracting(listening).subtracting($0).count }
    }
}
