import Model

/// Finds out who holds the ports that a service wants and does not listen on: the service's own old
/// connections, or somebody else.
///
/// A row does not say who opened the connection. Own is what a reading saw while the service
/// listened, and what began before the service was last seen: with a listener on the port nobody
/// else gets it. Of what no reading saw until the service had gone the other end decides: see
/// `isOwnByItsEnds`.
struct PortHolders: Sendable {
    /// What holds one port.
    struct Holders: Equatable, Sendable {
        /// Sockets that the service had accepted.
        var own = 0
        /// All others.
        var other = 0
        /// Whether one of them is not TIME_WAIT: nobody knows when it is gone.
        var isLive = false
        /// When the last TIME_WAIT has its time behind it.
        var lastEnd: Instant?
        /// Whether one of them keeps the service from binding, and whether one does although both
        /// set SO_REUSEADDR.
        var (blocksPlain, blocksReuse) = (false, false)
    }

    /// What holders are classified by.
    struct Surroundings {
        var services: [Port: ServiceMemory.Service] = [:]
        var range: PortRange?
        var addresses: LocalAddresses?
        var timing = TimeWaitTiming()
        /// The ports that somebody listens on.
        var listening = PortSet()
    }

    /// The most connections of which the owner is remembered.
    private static let remembered = 65_536

    // Of the last reading that was finished.
    private var watchedBefore = PortSet()
    private var ownBefore: Set<UInt64> = []
    private var otherBefore: Set<UInt64> = []
    private var acceptedBefore: [UInt64] = []

    // Of this reading.
    private var watched = PortSet()
    private var surroundings = Surroundings()
    private var accepted: [UInt64] = []
    private var (own, other): (Set<UInt64>, Set<UInt64>) = ([], [])
    private var places: [Port: Int] = [:]
    private var holders: [Holders] = []
    private var chunk = Instant(nanoseconds: 0)

    /// The ports on which sockets are left that a service had accepted: connect() passes them over
    /// for every destination, as it does a listener's (kernel: __inet_hash_connect(), the bucket
    /// keeps the listener's mark).
    var ownPorts: PortSet {
        places.reduce(into: PortSet()) { if holders[$1.value].own > 0 { $0.insert($1.key) } }
    }

    /// What holds a port; nil where nothing does.
    func holders(of port: Port) -> Holders? { places[port].map { holders[$0] } }

    /// The ports that something holds.
    var heldPorts: some Sequence<Port> { places.keys }

    /// Starts a reading.
    ///
    /// - Parameter watched: the ports that services want and do not listen on.
    mutating func begin(watching watched: PortSet, _ surroundings: Surroundings, at now: Instant) {
        self.watched = watched
        self.surroundings = surroundings
        chunk = now
        accepted.removeAll(keepingCapacity: true)
        (own, other) = ([], [])
        places.removeAll(keepingCapacity: true)
        holders.removeAll(keepingCapacity: true)
        // Whose the connections of a service were that has just vanished.
        if !watched.subtracting(watchedBefore).isEmpty { ownBefore.formUnion(acceptedBefore) }
    }

    /// The rows that follow were read at this moment.
    mutating func chunk(at now: Instant) { chunk = now }

    /// Whether a service wants this port and does not listen on it.
    @inline(__always)
    func watches(_ port: Port) -> Bool { watched.contains(port) }

    /// Notes a connection that a service has accepted and that is not TIME_WAIT: it may be left
    /// when the service is gone.
    mutating func noteAccepted(_ row: borrowing SocketRow) {
        if accepted.count < Self.remembered { accepted.append(row.connection) }
    }

    /// Takes a row on a watched port.
    ///
    /// - Returns: whether it is the service's own.
    mutating func take(_ row: borrowing SocketRow, _ listeners: borrowing ListenerIndex) -> Bool {
        let isOwn = isOwn(row, listeners)
        let place = place(of: row.localPort)
        if isOwn { holders[place].own += 1 } else { holders[place].other += 1 }
        if let end = end(of: row) {
            holders[place].lastEnd = max(holders[place].lastEnd ?? end, end)
        } else {
            holders[place].isLive = true
        }
        if overlaps(row) {
            holders[place].blocksPlain = true
            // The holder's SO_REUSEADDR is not to be seen: a service is taken to have set it,
            // anybody else not to.
            if !isOwn { holders[place].blocksReuse = true }
        }
        return isOwn
    }

    /// Ends a reading that went through.
    mutating func finish() {
        watchedBefore = watched
        (ownBefore, otherBefore) = (own, other)
        swap(&acceptedBefore, &accepted)
    }

    private mutating func place(of port: Port) -> Int {
        if let place = places[port] { return place }
        places[port] = holders.count
        holders.append(Holders())
        return holders.count - 1
    }

    private mutating func isOwn(_ row: borrowing SocketRow, _ listeners: borrowing ListenerIndex) -> Bool {
        if [.boundInactive, .listen].contains(row.state) { return false }
        let service = surroundings.services[row.localPort]
        // What has an address on which the service never listened was not accepted by it.
        if service?.listened(on: row.localAddress) == false { return false }
        let connection = row.connection
        let isKnownOther = otherBefore.contains(connection)
        // Whoever listens where the service did not has accepted what is new.
        let isSquattedByListener = surroundings.listening.contains(row.localPort)
        var beganBefore = false
        if row.state == .timeWait, let service {
            beganBefore = began(row) < service.lastSeen
        }
        // As long as its own timer shows this, it need not be remembered.
        if beganBefore, !isKnownOther, row.timerRemaining > 0 { return true }
        let isOwn =
            if ownBefore.contains(connection) {
                true
            } else if isKnownOther {
                false
            } else if beganBefore {
                true
            } else if isSquattedByListener {
                false
            } else {
                isOwnByItsEnds(row, listeners)
            }
        if own.count + other.count < Self.remembered {
            if isOwn { own.insert(connection) } else { other.insert(connection) }
        }
        return isOwn
    }

    /// When a TIME_WAIT began, at the latest where its time is over and it waits for the kernel's
    /// timer.
    private func began(_ row: borrowing SocketRow) -> Instant {
        let timing = surroundings.timing
        let remaining = row.timerRemaining
        return chunk + (remaining > 0 ? -timing.age(timerRemaining: remaining) : -timing.listenerMemory)
    }

    /// When a socket surely has its time behind it; nil where that depends on a program or on the
    /// other end.
    ///
    /// A FIN_WAIT2 that nobody owns ends with its timer, or becomes a TIME_WAIT just before that.
    private func end(of row: borrowing SocketRow) -> Instant? {
        guard row.isTimeWaitMiniSocket else { return nil }
        let end = chunk + Double(row.timerRemaining) / 1000
        return row.state == .timeWait ? end : end + surroundings.timing.seconds
    }

    /// Whether a connection was probably accepted that no reading saw while the service listened.
    ///
    /// One within this host was, unless its other end is a listener, or is itself. One to another
    /// host can only have been accepted just before the first reading without the listener; then it
    /// was if the port there is one that hosts choose for outgoing connections, from 32,768 on
    /// where nobody changed that, and not a service's.
    private func isOwnByItsEnds(_ row: borrowing SocketRow, _ listeners: borrowing ListenerIndex) -> Bool {
        if row.state == .synSent { return false }
        if row.isSelfConnected { return false }
        if surroundings.addresses?.contains(row.remoteAddress) == true {
            return listeners.slot(of: row.remotePort, taking: row.remoteAddress) == nil
        }
        if watchedBefore.contains(row.localPort) { return false }
        if row.remotePort >= 32_768 { return true }
        return surroundings.range?.contains(row.remotePort) == true
    }

    /// Whether a socket is where the service would bind: on the same address, or one of both on
    /// every address.
    private func overlaps(_ row: borrowing SocketRow) -> Bool {
        surroundings.services[row.localPort]?.ends.overlap(row) ?? true
    }
}

extension ServiceHolders {
    /// What holders mean for the service.
    init(_ holders: PortHolders.Holders) {
        self.init()
        own = holders.own
        other = holders.other
        isBindablePlain = !holders.blocksPlain
        isBindableReusing = !holders.blocksReuse
        if holders.isLive {
            free = .never
        } else if let lastEnd = holders.lastEnd {
            free = .from(lastEnd + TimeWaitTiming.timerRounding)
        }
    }
}
