import Model

/// The local ports of sockets, by the states that the use of the ephemeral range tells apart, and when TIME_WAITs give
/// them back.
struct HeldPorts: Sendable {
    private(set) var established = PortSet()
    private(set) var timeWait = PortSet()
    private(set) var other = PortSet()
    /// Ports with a TIME_WAIT that did not begin in the last seconds.
    private var aged = PortSet()
    /// The least age of a port's TIME_WAITs, in tenths of a second, where it has one.
    private var youngest = [UInt16](repeating: .max, count: 65_536)

    /// Every port that is held.
    var all: PortSet { established.union(timeWait).union(other) }

    /// Notes the port of a row that is not LISTEN.
    mutating func insert(_ row: borrowing SocketRow, _ timing: TimeWaitTiming) {
        switch row.state {
        case .established: established.insert(row.localPort)
        case .timeWait:
            timeWait.insert(row.localPort)
            let age = timing.age(timerRemaining: row.timerRemaining)
            if age >= TimeWaitTiming.newAge { aged.insert(row.localPort) }
            let tenths = UInt16(min(age * 10, 65_534))
            if tenths < youngest[Int(row.localPort)] { youngest[Int(row.localPort)] = tenths }
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
        aged.removeAll()
        for port in youngest.indices { youngest[port] = .max }
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
        return EphemeralUse(
            usable: usable.count,
            established: usedEstablished.count,
            other: usedOther.count,
            timeWait: usedTimeWait.count,
            connect: half(of: usable, low),
            bind: half(of: usable, low ^ 1)
        )
    }

    private func half(of usable: PortSet, _ parity: Port) -> ParityUse {
        let usable = usable.sharingParity(of: parity)
        return ParityUse(ports: usable.count, used: usable.intersection(all).count)
    }

    /// The usable ports of one half that live sockets hold, and when TIME_WAITs give back the others.
    func flow(of usable: PortSet, sharingParityOf parity: Port, _ timing: TimeWaitTiming) -> HalfFlow {
        let usable = usable.sharingParity(of: parity)
        let live = usable.intersection(established.union(other))
        let waiting = usable.intersection(timeWait).subtracting(live)
        let new = waiting.subtracting(aged)
        var flow = HalfFlow(live: live.count, free: usable.count - live.count - waiting.count)
        for port in waiting {
            let age = Double(youngest[Int(port)]) / 10
            flow.waiting.append((age, new.contains(port)))
        }
        return flow
    }
}

/// How the ports of one half of the range are used and given back.
struct HalfFlow: Sendable {
    /// Ports that live sockets hold.
    var live: Int
    /// Ports that nothing holds.
    var free: Int
    /// Ports that only TIME_WAITs hold: the age of the youngest in seconds, and whether all of them are new, so that the
    /// port was free a moment ago.
    var waiting: [(age: Double, isNew: Bool)] = []
}
