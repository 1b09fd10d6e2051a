/// The use of the ephemeral range: distinct ports, each counted under its strongest state.
package struct EphemeralUse: Equatable, Sendable {
    /// Ports of the range that the kernel can assign: not reserved, without a listener or a bound
    /// socket, and without an accepted socket of a stopped listener.
    package var usable: Int
    /// Usable ports with an ESTABLISHED socket.
    package var established: Int
    /// Usable ports with no ESTABLISHED socket, but one in another state than TIME_WAIT.
    package var other: Int
    /// Usable ports with TIME_WAIT sockets only.
    package var timeWait: Int
    /// The ports with the parity of the range's first port, which connect() tries first
    /// (__inet_hash_connect()).
    package var connect = ParityUse(ports: 0, used: 0)
    /// The other half, which bind() to port 0 tries first (inet_csk_find_open_port()).
    package var bind = ParityUse(ports: 0, used: 0)

    /// Usable ports that are held.
    package var used: Int { established + other + timeWait }

    /// The share, 0 to 1, of the usable ports that are held; nil if nothing is usable.
    package var share: Double? { usable == 0 ? nil : Double(used) / Double(usable) }

    /// The ports that share the parity of a port.
    ///
    /// - Parameter range: the ephemeral range.
    package func half(of port: Port, in range: PortRange) -> ParityUse { range.isConnectFirst(port) ? connect : bind }

    /// The share, 0 to 1, of the ports with the parity of a port that is in use; nil if none is
    /// usable.
    package func ratio(of port: Port, in range: PortRange) -> Double? { half(of: port, in: range).ratio }

    package init(
        usable: Int,
        established: Int,
        other: Int,
        timeWait: Int,
        connect: ParityUse = ParityUse(ports: 0, used: 0),
        bind: ParityUse = ParityUse(ports: 0, used: 0)
    ) {
        self.usable = usable
        self.established = established
        self.other = other
        self.timeWait = timeWait
        self.connect = connect
        self.bind = bind
    }
}

/// The use of the even or of the odd ports of the range.
package struct ParityUse: Equatable, Sendable {
    /// Usable ports.
    package var ports: Int
    /// Usable ports that a socket holds.
    package var used: Int

    /// The share in use, 0 to 1; nil if nothing is usable.
    package var ratio: Double? { ports == 0 ? nil : Double(used) / Double(ports) }

    package init(ports: Int, used: Int) {
        self.ports = ports
        self.used = used
    }
}

/// The local ports of the socket table by the state of their sockets, as bit sets of 8 KiB.
package struct PortOccupancy: Equatable, Sendable {
    /// Ports with a LISTEN socket.
    package var listening = PortSet()
    /// Ports of sockets that are bound, and neither listen nor are connected; empty if the kernel
    /// does not list them.
    package var bound = PortSet()
    /// Ports of the ephemeral range that the kernel can assign; empty if the range is unknown.
    package var usable = PortSet()
    /// Local ports of ESTABLISHED sockets, usable or not.
    package var established = PortSet()
    /// Local ports of TIME_WAITs.
    package var timeWait = PortSet()
    /// Local ports of sockets in any other state but LISTEN.
    package var other = PortSet()

    package init() {}
}

/// Reserved ports that protect no service now.
package struct IdleReservedPorts: Equatable, Sendable {
    /// Reserved ports outside the ephemeral range, which no outgoing connection can take anyway.
    package var outOfRange: Int
    /// Reserved ports in the range without a TCP listener or a UDP socket; nil if UDP sockets could
    /// not be read.
    package var noListener: Int?

    package init(_ range: EphemeralRange, listening: PortSet, udp: PortSet?) {
        let inRange = range.reserved.intersection(PortSet(range.ports))
        outOfRange = range.reserved.count - inRange.count
        noListener = udp.map { inRange.subtracting(listening).subtracting($0).count }
    }
}
