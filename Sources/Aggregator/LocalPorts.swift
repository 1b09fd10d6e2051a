import Model

/// What is known of each local port: what decides about the rows on it, and what those rows have
/// said.
///
/// All of it is one word a port, so that a row costs one load and one store, of 256 KiB that stay
/// in the second cache.
struct LocalPorts: Sendable {
    /// A service wants the port and does not listen on it.
    static let watched: UInt32 = 1
    /// The kernel may choose the port for a socket that asks for no particular one.
    static let offered: UInt32 = 2
    /// A service listens on the port, or did until a short while ago.
    static let serving: UInt32 = 4
    /// An ESTABLISHED socket has the port.
    static let established: UInt32 = 8
    /// A socket in any state but ESTABLISHED, TIME_WAIT and LISTEN has the port.
    static let other: UInt32 = 16
    /// A TIME_WAIT has the port that is not new.
    static let aged: UInt32 = 32
    /// Above this bit: 65,535 less the least age of the port's TIME_WAITs in tenths of a second; 0
    /// where it has none.
    static let ageShift: UInt32 = 16

    /// By port.
    var words = [UInt32](repeating: 0, count: 65_536)

    // Of `words`, once all rows have come.
    private(set) var established = PortSet()
    private(set) var timeWait = PortSet()
    private(set) var other = PortSet()
    private var aged = PortSet()

    /// Every port that is held.
    var all: PortSet { established.union(timeWait).union(other) }

    /// Forgets all ports.
    mutating func removeAll() {
        for port in words.indices { words[port] = 0 }
    }

    /// Sets a bit of some ports.
    mutating func mark(_ ports: PortSet, _ bit: UInt32) {
        for port in ports { words[Int(port)] |= bit }
    }

    /// Notes the port of a row that is not LISTEN.
    mutating func insert(_ row: borrowing SocketRow, _ timing: TimeWaitTiming) {
        let port = Int(row.localPort)
        switch row.state {
        case .established: words[port] |= Self.established
        case .timeWait:
            let age = timing.ageInMilliseconds(timerRemaining: row.timerRemaining)
            words[port] = Self.word(words[port], withTimeWaitOf: age)
        // A connection request stands under its listener's port and holds none of its own.
        case .newSynRecv, .listen, .boundInactive: break
        default: words[port] |= Self.other
        }
    }

    /// The word of a port with a TIME_WAIT of this age, in milliseconds, in addition.
    @inline(__always)
    static func word(_ word: UInt32, withTimeWaitOf age: UInt32) -> UInt32 {
        let freshness = (65_535 - min(age / 100, 65_534)) << ageShift
        let bits = word & 0xFFFF | (age >= TimeWaitTiming.newAgeInMilliseconds ? aged : 0)
        return max(word & 0xFFFF_0000, freshness) | bits
    }

    /// Ends the reading.
    mutating func finish() {
        established.removeAll()
        timeWait.removeAll()
        other.removeAll()
        aged.removeAll()
        for port in words.indices where words[port] > 7 {
            let (word, port) = (words[port], Port(port))
            if word & Self.established != 0 { established.insert(port) }
            if word & Self.other != 0 { other.insert(port) }
            if word & Self.aged != 0 { aged.insert(port) }
            if word >> Self.ageShift != 0 { timeWait.insert(port) }
        }
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

    /// The usable ports of one half that live sockets hold, and when TIME_WAITs give back the
    /// others.
    func flow(of usable: PortSet, sharingParityOf parity: Port) -> HalfFlow {
        let usable = usable.sharingParity(of: parity)
        let live = usable.intersection(established.union(other))
        let waiting = usable.intersection(timeWait).subtracting(live)
        let new = waiting.subtracting(aged)
        var flow = HalfFlow(live: live.count, free: usable.count - live.count - waiting.count)
        flow.waiting.reserveCapacity(waiting.count)
        for port in waiting {
            let age = Double(65_535 - words[Int(port)] >> Self.ageShift) / 10
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
    /// Ports that only TIME_WAITs hold: the age of the youngest in seconds, and whether all of them
    /// are new, so that the port was free a moment ago.
    var waiting: [(age: Double, isNew: Bool)] = []
}
