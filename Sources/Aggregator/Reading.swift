package import Model

/// One reading of the socket table: its rows come in, and `finish` makes the report.
///
/// The LISTEN and the bound rows come first, since they classify the others. A reading that is
/// given up leaves what is remembered as it was.
package struct Reading: RowSink, ~Copyable {
    /// What is remembered, as it will be after this reading.
    var memory: Memory
    let now: Instant
    let facts: NamespaceFacts
    /// The LISTEN rows, and the rows of sockets that are only bound.
    var (listening, binding): ([SocketRow], [SocketRow]) = ([], [])
    /// Whether all of them have come.
    var isOpen = false

    var listeners = ListenerIndex()
    /// By the slots of `listeners`.
    var lines: [PortLine] = []
    /// TIME_WAITs of services.
    var ends = ServiceEnds()
    var table = TableCounts()
    var timeWait = TimeWaitCounts()
    /// Those of `timeWait` that are new.
    var newTimeWait = TimeWaitCounts()
    var orphanFinWait2 = 0
    var selfConnected = 0
    var selfConnectedEnds: [SelfConnected] = []
    /// Those of `timeWait` that began a moment ago.
    var youngTimeWait = TimeWaitCounts()
    /// What rows say of their local ports; its memory is lent.
    var ports: LocalPorts
    /// The place of the last row's destination, if that was counted.
    var place: Int?
    /// Ports that are bound without a connection.
    var bound = PortSet()
    /// Ports of the range that are neither reserved nor bound nor listened on.
    var offered = PortSet()
    /// Rows of others on watched ports: whether they use a port that is usable is known when all
    /// rows are.
    var undecided: [SocketRow] = []
    /// Whether the range and what decides about reuse are known.
    var countsDestinations = false
    /// What decides about common rows; nil where no row is common.
    var commonRules: CommonRules?
    var commonCounts = CommonCounts()
    /// Rows to match with traced closes; nil where closes are not traced.
    var closing: ClosingRows?
    /// The last local address, and whether it is one of the namespace's own: most rows have the
    /// same.
    var lastLocal: (address: IPAddress, device: UInt32, isOwn: Bool)?

    /// Starts a reading.
    ///
    /// - Parameters:
    ///   - facts: what classifies rows, beside the listeners.
    ///   - memory: what is remembered; its tables are lent to the reading until `finish`.
    ///   - now: the moment of the reading.
    package init(_ facts: NamespaceFacts, _ memory: inout Memory, at now: Instant) {
        self.facts = facts
        self.now = now
        let cookies = memory.arrivals.lendCookies()
        ports = memory.ports.take() ?? LocalPorts()
        self.memory = memory
        self.memory.timing = facts.timing
        self.memory.arrivals.takeBack(cookies)
        closing = memory.closers == nil ? nil : ClosingRows()
    }

    package mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant) {
        var index = 0
        while !isOpen, index < rows.count {
            switch rows[index].state {
            case .listen: listening.append(rows[index])
            case .boundInactive: binding.append(rows[index])
            default:
                open()
                continue
            }
            index += 1
        }
        guard index < rows.count else { return }
        memory.arrivals.chunk(at: now)
        memory.holders.chunk(at: now)
        while index < rows.count {
            let next = takeCommon(rows, from: index)
            if next == index {
                row(rows[index])
                index += 1
            } else {
                index = next
            }
        }
    }

    /// Sets up what the listeners classify.
    mutating func open() {
        isOpen = true
        memory.update(listening, at: now)
        listeners.rebuild(memory.listeners.known)
        lines = (0..<listeners.count).map { PortLine(port: listeners.port(of: $0)) }
        ends = ServiceEnds(slots: listeners.count, places: listeners.placeCount)
        if isClassifying { memory.arrivals.begin(facts.timing, at: now) }
        beginPorts()
        commonRules = rulesOfCommonRows
        for row in binding + listening {
            count(row)
            // A listener where the service did not listen.
            if memory.holders.watches(row.localPort) { _ = memory.holders.take(row, listeners) }
        }
    }

    /// Sets up what is asked of rows about their ports.
    private mutating func beginPorts() {
        bound = PortSet(binding.map(\.localPort))
        var watched = memory.settings.servicePorts
        for port in memory.services.services.keys { watched.insert(port) }
        offered = PortSet()
        if let range = facts.range {
            let all = PortSet(range.ports)
            watched = watched.union(all.intersection(range.reserved))
            offered = all.subtracting(range.reserved).subtracting(memory.services.listening).subtracting(bound)
        }
        let surroundings = PortHolders.Surroundings(
            services: memory.services.services,
            range: facts.ports,
            addresses: facts.addresses,
            timing: facts.timing,
            listening: memory.services.listening
        )
        memory.holders.begin(watching: watched.subtracting(memory.services.home), surroundings, at: now)
        ports.removeAll()
        ports.mark(watched.subtracting(memory.services.home), LocalPorts.watched)
        ports.mark(offered, LocalPorts.offered)
        ports.mark(PortSet((0..<listeners.count).map { listeners.port(of: $0) }), LocalPorts.serving)
        beginDestinations()
        memory.peers.begin()
    }

    private mutating func beginDestinations() {
        countsDestinations = false
        guard let range = facts.range, let reuse = facts.sysctls.flatMap({ ReuseRule($0) }) else { return }
        countsDestinations = true
        let surroundings = Destinations.Surroundings(
            reuse: reuse,
            timing: facts.timing,
            addresses: facts.addresses,
            recycled: facts.recycled,
            missable: range.portMissedByConnect.flatMap { offered.contains($0) ? $0 : nil },
            usable: offered.count
        )
        memory.destinations.begin(surroundings, at: now)
    }

    /// Takes one row of the table.
    private mutating func row(_ row: borrowing SocketRow) {
        guard row.state != .listen else { return }
        count(row)
        let isForeign = !isOwn(row.localAddress, row.device)
        if !isForeign { ports.insert(row, facts.timing) }
        if row.isSelfConnected { noteSelfConnected(row) }
        // A connection request stands under its listener's port and holds none of its own.
        guard row.state != .newSynRecv else { return }
        place = nil
        let isOutgoing = takePort(of: row, isForeign: isForeign)
        let slot = isOutgoing ? nil : self.slot(of: row, isForeign: isForeign)
        switch row.state {
        case .timeWait:
            classify(row, slot, isForeign: isForeign)
        default:
            if row.isOrphanFinWait2 { orphanFinWait2 += 1 }
            if row.state.isClosingFirst { closing?.note(closing: row) }
            guard let slot else { return }
            memory.holders.noteAccepted(row)
            if row.state == .closeWait { lines[slot].closeWait += 1 }
            guard row.state == .established else { return }
            lines[slot].established += 1
            memory.peers.note(row.remoteAddress, of: row.localPort)
        }
    }

    private mutating func noteSelfConnected(_ row: borrowing SocketRow) {
        selfConnected += 1
        guard selfConnectedEnds.count < PortReport.mostSelfConnected else { return }
        selfConnectedEnds.append(SelfConnected(address: row.localAddress, port: row.localPort, state: row.state))
    }

    /// Whether an address is one of the namespace's own. Where those could not be read, and for the
    /// wildcards of sockets that have no address yet, there is no reason to doubt it.
    @inline(__always)
    mutating func isOwn(_ address: IPAddress, _ device: UInt32) -> Bool {
        if let lastLocal, lastLocal.address == address, lastLocal.device == device { return lastLocal.isOwn }
        guard let addresses = facts.addresses else { return true }
        let isOwn = address == .anyIPv4 || address == .anyIPv6 || addresses.contains(address, device: device)
        lastLocal = (address, device, isOwn)
        return isOwn
    }

    /// The slot of the service that accepted the row's connection.
    ///
    /// - Parameter isForeign: whether its local address is not the namespace's own: a transparent
    ///   proxy (TPROXY) accepted it under the address that the client had dialed. Only a listener
    ///   on that very address is its service.
    @inline(__always)
    private func slot(of row: borrowing SocketRow, isForeign: Bool) -> Int? {
        isForeign
            ? listeners.slot(of: row.localPort, exactly: row.localAddress)
            : listeners.slot(of: row.localPort, taking: row.localAddress, on: row.device)
    }

    /// Notes who holds the row's port, and counts the destination where the kernel offered the port
    /// to all.
    ///
    /// - Returns: whether the row surely belongs to no service of this port, although one listened
    ///   on it a moment ago.
    private mutating func takePort(of row: borrowing SocketRow, isForeign: Bool) -> Bool {
        let isWatched = memory.holders.watches(row.localPort)
        if isWatched, memory.holders.take(row, listeners) { return false }
        guard countsDestinations, !isForeign, offered.contains(row.localPort) else { return isWatched }
        if isWatched {
            if undecided.count < Self.mostUndecided { undecided.append(copy row) }
        } else {
            place = memory.destinations.note(row)
        }
        return isWatched
    }

    /// The most rows on watched ports that are kept until all rows are known: as many as there are
    /// ports.
    private static let mostUndecided = 65_536

    private mutating func count(_ row: borrowing SocketRow) {
        table[row.localAddress.isIPv4 ? .ipv4 : .ipv6, row.state] += 1
    }

    /// Whether the role of a TIME_WAIT can be known.
    var isClassifying: Bool { facts.addresses != nil && facts.ports != nil }

    /// Finds the role of a TIME_WAIT. The order of the questions decides: both ends of a local
    /// connection may be a listener's.
    private mutating func classify(_ row: borrowing SocketRow, _ slot: Int?, isForeign: Bool) {
        guard let addresses = facts.addresses else { return }
        let peer: Peer = addresses.contains(row.remoteAddress, device: row.device) ? .local : .remote
        let owner: Arrivals.Owner
        if let slot {
            owner = Arrivals.Owner(role: .server, peer: peer, slot: slot)
            if let place = listeners.place(in: slot, taking: row.localAddress, on: row.device) {
                ends.listeners[place] += 1
            }
        } else if isForeign {
            owner = Arrivals.Owner(role: .other, peer: peer, slot: nil)
        } else if peer == .local, let slot = listeners.slot(of: row.remotePort, taking: row.remoteAddress) {
            owner = Arrivals.Owner(role: .client, peer: peer, slot: slot)
        } else {
            let isEphemeral = facts.ports?.contains(row.localPort) == true
            owner = Arrivals.Owner(role: isEphemeral ? .client : .other, peer: peer, slot: nil)
        }
        if let place { memory.destinations.classify(place, isLocal: peer == .local, slot: owner.slot) }
        timeWait[owner.role, peer] += 1
        if facts.timing.age(timerRemaining: row.timerRemaining) < PortReport.newWindow {
            youngTimeWait[owner.role, peer] += 1
        }
        if let slot = owner.slot {
            ends.ports[slot][owner] += 1
            // Seen from the service, the client's end has its peer on the local side.
            let isServer = owner.role == .server
            memory.peers.note(
                isServer ? row.remoteAddress : row.localAddress,
                of: isServer ? row.localPort : row.remotePort
            )
        }
        // Without the range nobody's role is certain: what is new now is new still when the range
        // is back.
        guard isClassifying, memory.arrivals.isNew(row) else { return }
        newTimeWait[owner.role, peer] += 1
        if let slot = owner.slot { ends.newPorts[slot][owner] += 1 }
        noteClosed(row, by: owner)
    }

    /// Keeps a new TIME_WAIT for the trace of closes, where there is one.
    mutating func noteClosed(_ row: borrowing SocketRow, by owner: Arrivals.Owner) {
        guard closing != nil else { return }
        let began = memory.arrivals.chunk + -facts.timing.age(timerRemaining: row.timerRemaining)
        closing?.note(
            new: ClosedRow(
                ends: ConnectionEnds(row),
                began: began,
                role: owner.role,
                peer: owner.peer,
                port: owner.slot.map { listeners.port(of: $0) }
            )
        )
    }
}

extension TCPState {
    /// Whether the socket closed first and is not in TIME_WAIT yet.
    fileprivate var isClosingFirst: Bool { self == .finWait1 || self == .finWait2 || self == .closing }
}

/// TIME_WAITs of services.
struct ServiceEnds {
    /// By the slots of the listeners, and those of them that are new.
    var (ports, newPorts): ([PortTimeWait], [PortTimeWait]) = ([], [])
    /// By the places of the listeners.
    var listeners: [Int] = []

    init() {}

    init(slots: Int, places: Int) {
        ports = Array(repeating: PortTimeWait(), count: slots)
        newPorts = ports
        listeners = Array(repeating: 0, count: places)
    }
}

extension PortTimeWait {
    /// The number that an owner's TIME_WAIT of this port belongs to. A port has no remote clients:
    /// their TIME_WAITs are on their own hosts.
    fileprivate subscript(owner: Arrivals.Owner) -> Int {
        get {
            switch (owner.role, owner.peer) {
            case (.server, .local): serverLocal
            case (.server, .remote): serverRemote
            default: clientLocal
            }
        }
        set {
            switch (owner.role, owner.peer) {
            case (.server, .local): serverLocal = newValue
            case (.server, .remote): serverRemote = newValue
            default: clientLocal = newValue
            }
        }
    }
}
