import Ports

/// The local ports of sockets, by the states that the use of the ephemeral range tells apart.
struct HeldPorts: Sendable {
    private var established = PortSet()
    private var timeWait = PortSet()
    private var other = PortSet()

    /// Every port that is held.
    var all: PortSet { established.union(timeWait).union(other) }

    /// Notes the port of a row that is not LISTEN.
    mutating func insert(_ row: borrowing SocketRow) {
        switch row.state {
        case .established: established.insert(row.localPort)
        case .timeWait: timeWait.insert(row.localPort)
        // A connection request stands under its listener's port and holds none of its own.
        case .newSynRecv, .listen, .boundInactive: break
        default: other.insert(row.localPort)
        }
    }

    /// Forgets every port.
    mutating func removeAll() {
        established.removeAll()
        timeWait.removeAll()
        other.removeAll()
    }

    /// How much of the range is used.
    ///
    /// - Parameter blocked: ports that the kernel gives to nobody because a service has them.
    func use(of range: EphemeralRange, without blocked: PortSet) -> EphemeralUse {
        let usable = PortSet(range.ports).subtracting(range.reserved).subtracting(blocked)
        let usedEstablished = usable.intersection(established)
        let usedOther = usable.intersection(other).subtracting(established)
        let usedTimeWait = usable.intersection(timeWait).subtracting(established).subtracting(other)
        return EphemeralUse(
            usable: usable.count,
            established: usedEstablished.count,
            other: usedOther.count,
            timeWait: usedTimeWait.count
        )
    }
}
