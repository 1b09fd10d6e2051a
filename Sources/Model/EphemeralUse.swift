/// The use of the ephemeral range: distinct ports, each counted under its strongest state.
package struct EphemeralUse: Equatable, Sendable {
    /// Ports of the range that the kernel can give away: not reserved, nothing listens on them or is bound there, and no
    /// accepted socket of a vanished listener is left on them.
    package var usable: Int
    /// Usable ports with an ESTABLISHED socket.
    package var established: Int
    /// Usable ports with no ESTABLISHED socket, but one in another state than TIME_WAIT.
    package var other: Int
    /// Usable ports with TIME_WAIT sockets only.
    package var timeWait: Int
    /// The half with the parity of the range's first port, which connect() takes first (__inet_hash_connect()).
    package var connect = ParityUse(ports: 0, used: 0)
    /// The other half, which bind() to port 0 takes first (inet_csk_find_open_port()).
    package var bind = ParityUse(ports: 0, used: 0)

    /// The half that a port belongs to.
    package func half(of port: Port, low: Port) -> ParityUse { port % 2 == low % 2 ? connect : bind }

    /// The part, 0 to 1, of the half that a port belongs to that is used; nil where nothing of it is usable.
    package func ratio(of port: Port, low: Port) -> Double? { half(of: port, low: low).ratio }

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
    /// Those of them that a socket holds.
    package var used: Int

    /// The part that is used, 0 to 1; nil where nothing is usable.
    package var ratio: Double? { ports == 0 ? nil : Double(used) / Double(ports) }

    package init(ports: Int, used: Int) {
        self.ports = ports
        self.used = used
    }
}
