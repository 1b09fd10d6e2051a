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

    /// How much of the usable ports is used.
    ///
    /// - Parameters:
    ///   - usable: the ports that the kernel gives to who asks for none by number.
    ///   - low: the first port of the range, whose parity connect() takes first.
    func use(of usable: PortSet, low: Port) -> EphemeralUse {
        let used = usable.intersection(all)
        let usedEstablished = usable.intersection(established)
        let usedOther = usable.intersection(other).subtracting(established)
        let usedTimeWait = used.subtracting(usedEstablished).subtracting(usedOther)
        let (connect, bind) = (low, low ^ 1)
        return EphemeralUse(
            usable: usable.count,
            established: usedEstablished.count,
            other: usedOther.count,
            timeWait: usedTimeWait.count,
            connect: ParityUse(
                ports: usable.sharingParity(of: connect).count,
                used: used.sharingParity(of: connect).count
            ),
            bind: ParityUse(ports: usable.sharingParity(of: bind).count, used: used.sharingParity(of: bind).count)
        )
    }
}
