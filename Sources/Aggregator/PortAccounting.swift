package import Ports

/// Turns the rows of the socket table into a report. It keeps its tables and what it remembers between readings:
/// `begin`, then every row of the table, then `report`.
///
/// The same rows and the same memory give the same report.
package struct PortAccounting: RowSink, Sendable {
    private let settings: AccountingSettings

    // Between readings.
    private var memory = ListenerMemory()
    private var services = ServiceMemory()
    private var choice: PortChoice
    private var serviceChoice: ServiceChoice
    private var arrivals: Arrivals
    private var entries: EntryCounters
    private var destinations: Destinations
    private var holders = PortHolders()
    private var peers: Peers

    // Of this reading.
    private var now = Instant(nanoseconds: 0)
    private var facts = NamespaceFacts()
    private var listeners = ListenerIndex()
    /// By the slots of `listeners`.
    private var lines: [PortLine] = []
    private var portTimeWait: [PortTimeWait] = []
    private var table = TableCounts()
    private var timeWait = TimeWaitCounts()
    /// Those of `timeWait` and `portTimeWait` that are new.
    private var newTimeWait = TimeWaitCounts()
    private var newPortTimeWait: [PortTimeWait] = []
    private var orphanFinWait2 = 0
    private var selfConnected = 0
    private var held = HeldPorts()
    /// Ports that are bound without a connection.
    private var bound = PortSet()
    /// Ports of the range that are neither reserved nor bound nor listened on.
    private var offered = PortSet()
    /// Whether the range and what decides about reuse are known.
    private var tellsDestinations = false

    /// - Parameter settings: how much is kept and told.
    package init(_ settings: AccountingSettings) {
        self.settings = settings
        choice = PortChoice(limit: settings.portsLimit)
        serviceChoice = ServiceChoice(limit: settings.servicesLimit, wanted: settings.servicePorts)
        entries = EntryCounters(remembered: settings.portsRemembered)
        arrivals = Arrivals(limit: settings.socketsLimit)
        destinations = Destinations(limit: settings.destinationsLimit)
        peers = Peers(limit: settings.peersLimit)
    }

    /// Starts a reading.
    ///
    /// - Parameters:
    ///   - listening: the LISTEN rows of both families. Rows are told by them, so they have to be known before the first row. They are
    ///     counted from here; LISTEN rows that come again among the rows of the table are passed over.
    ///   - facts: what else rows are told by.
    ///   - now: the moment of the reading.
    package mutating func begin(listening: [SocketRow], _ facts: NamespaceFacts, at now: Instant) {
        self.facts = facts
        self.now = now
        listeners.rebuild(memory.update(listening, at: now))
        lines = (0..<listeners.count).map { PortLine(port: listeners.port(of: $0)) }
        portTimeWait = Array(repeating: PortTimeWait(), count: listeners.count)
        table = TableCounts()
        newPortTimeWait = portTimeWait
        timeWait = TimeWaitCounts()
        newTimeWait = TimeWaitCounts()
        orphanFinWait2 = 0
        selfConnected = 0
        held.removeAll()
        if isClassifying { arrivals.begin(at: now) }
        services.update(listening, wanted: settings.servicePorts, held: holders.ownPorts, at: now)
        beginPorts()
        for row in facts.bound ?? [] {
            count(row)
            if holders.watches(row.localPort) { _ = holders.take(row, listeners) }
        }
        for row in listening {
            count(row)
            guard let slot = listeners.slot(of: row.localPort) else { continue }
            lines[slot].listeners += 1
            lines[slot].acceptQueue += Int(row.receiveQueue)
        }
    }

    /// Sets up what rows are asked about their ports.
    private mutating func beginPorts() {
        bound = (facts.bound ?? []).reduce(into: PortSet()) { $0.insert($1.localPort) }
        var watched = settings.servicePorts
        for port in services.services.keys { watched.insert(port) }
        offered = PortSet()
        if let range = facts.range {
            let ports = PortSet(range.ports)
            watched = watched.union(ports.intersection(range.reserved))
            offered = ports.subtracting(range.reserved).subtracting(services.listening).subtracting(bound)
        }
        let surroundings = PortHolders.Surroundings(
            services: services.services,
            range: facts.range,
            addresses: facts.addresses
        )
        holders.begin(watching: watched.subtracting(services.listening), surroundings, at: now)
        let reuse = facts.range == nil ? nil : facts.sysctls.flatMap { ReuseRule($0) }
        if let reuse { destinations.begin(at: now, reuse: reuse, usable: offered.count) }
        tellsDestinations = reuse != nil
        peers.begin()
    }

    /// The rows that follow were read at this moment.
    package mutating func chunk(at now: Instant) {
        arrivals.chunk(at: now)
        holders.chunk(at: now)
    }

    /// Takes one row of the table.
    package mutating func row(_ row: borrowing SocketRow) {
        guard row.state != .listen else { return }
        count(row)
        held.insert(row)
        if row.isSelfConnected { selfConnected += 1 }
        // A connection request stands under its listener's port and holds none of its own.
        guard row.state != .newSynRecv else { return }
        let isOutgoing = takePort(of: row)
        switch row.state {
        case .timeWait:
            classify(row, isOutgoing)
        default:
            if row.isOrphanFinWait2 { orphanFinWait2 += 1 }
            guard !isOutgoing, let slot = listeners.slot(of: row.localPort, taking: row.localAddress) else { return }
            holders.noteAccepted(row)
            guard row.state == .established else { return }
            lines[slot].established += 1
            peers.note(row.remoteAddress, of: row.localPort)
        }
    }

    /// Asks whose port a row holds, and counts it where it was offered to all.
    ///
    /// - Returns: whether the row surely belongs to no service of this port, although one listened on it a moment ago.
    private mutating func takePort(of row: borrowing SocketRow) -> Bool {
        let isWatched = holders.watches(row.localPort)
        if isWatched, holders.take(row, listeners) { return false }
        if tellsDestinations, offered.contains(row.localPort) { destinations.note(row) }
        return isWatched
    }

    private mutating func count(_ row: borrowing SocketRow) {
        table[row.localAddress.isIPv4 ? .ipv4 : .ipv6, row.state] += 1
    }

    /// Whether it can be told whose a TIME_WAIT is.
    private var isClassifying: Bool { facts.addresses != nil && facts.range != nil }

    /// Whose TIME_WAIT it is. The order of the questions decides: both ends of a local connection may be a listener's.
    private mutating func classify(_ row: borrowing SocketRow, _ isOutgoing: Bool) {
        guard let addresses = facts.addresses else { return }
        let peer: Peer = addresses.contains(row.remoteAddress) ? .local : .remote
        let owner: Arrivals.Owner
        if !isOutgoing, let slot = listeners.slot(of: row.localPort, taking: row.localAddress) {
            owner = Arrivals.Owner(role: .server, peer: peer, slot: slot)
        } else if peer == .local, let slot = listeners.slot(of: row.remotePort, taking: row.remoteAddress) {
            owner = Arrivals.Owner(role: .client, peer: peer, slot: slot)
        } else {
            let isEphemeral = facts.range?.ports.contains(row.localPort) == true
            owner = Arrivals.Owner(role: isEphemeral ? .client : .other, peer: peer, slot: nil)
        }
        timeWait[owner.role, peer] += 1
        if let slot = owner.slot {
            portTimeWait[slot][owner] += 1
            // Seen from the service, the client's end has its peer on the local side.
            let isServer = owner.role == .server
            peers.note(isServer ? row.remoteAddress : row.localAddress, of: isServer ? row.localPort : row.remotePort)
        }
        // Without the range nobody's role is certain: what is new now is new still when the range is back.
        guard isClassifying, arrivals.isNew(row) else { return }
        newTimeWait[owner.role, peer] += 1
        if let slot = owner.slot { newPortTimeWait[slot][owner] += 1 }
    }

    /// Ends the reading.
    package mutating func report() -> PortReport {
        if isClassifying {
            arrivals.finish()
            entries.add(newTimeWait, zip(lines.map(\.port), newPortTimeWait).map { ($0, $1) }, at: now)
        }
        let blocked = services.listening.union(bound).union(holders.ownPorts)
        let usable = facts.range.map { PortSet($0.ports).subtracting($0.reserved).subtracting(blocked) }
        let ephemeral = usable.flatMap { usable in facts.range.map { held.use(of: usable, low: $0.ports.low) } }
        describeLines(ephemeral)
        holders.finish()
        let present = lines.filter { $0.listeners > 0 }
        let chosen = choice.choose(from: lines)
        let services = serviceLines()
        return PortReport(
            table: table,
            knowsBound: facts.bound != nil,
            orphanFinWait2: orphanFinWait2,
            timeWait: isClassifying ? timeWait : nil,
            observed: isClassifying ? entries.host : nil,
            untracked: arrivals.untracked,
            listening: facts.range.map { ListeningPorts(present.map(\.port), in: $0) },
            dialedPorts: facts.addresses == nil ? nil : present.count { ($0.timeWait?.localPeers ?? 0) > 0 },
            omittedPorts: present.count - chosen.count { $0.listeners > 0 },
            ports: chosen,
            ephemeral: ephemeral,
            idleReserved: facts.range.map {
                IdleReservedPorts($0, listening: self.services.listening, udp: facts.udpPorts)
            },
            selfConnected: selfConnected,
            destinations: tellsDestinations ? destinations.finish(usable: ephemeral?.usable ?? 0) : nil,
            peers: peers.finish(chosen.map(\.port)),
            services: services.lines,
            omittedServices: services.omitted
        )
    }

    private mutating func describeLines(_ ephemeral: EphemeralUse?) {
        for slot in lines.indices {
            let port = lines[slot].port
            lines[slot].timeWait = facts.addresses == nil ? nil : portTimeWait[slot]
            lines[slot].entries = isClassifying ? entries.entries(of: port) : nil
            guard let range = facts.range else { continue }
            let isExposed = range.exposes(port)
            lines[slot].isExposed = isExposed
            lines[slot].collisionRatio = isExposed ? ephemeral?.half(of: port, low: range.ports.low).ratio : 0
        }
    }

    /// The service ports of this reading: those that were asked for, and reserved and learnt ones that something holds.
    private mutating func serviceLines() -> (lines: [ServiceLine], omitted: Int) {
        let candidates = holders.heldPorts.filter { port in
            guard !settings.servicePorts.contains(port) else { return false }
            let isReserved = facts.range.map { $0.ports.contains(port) && $0.reserved.contains(port) } ?? false
            return isReserved || services.services[port]?.isLearnt == true
        }
        let chosen = serviceChoice.choose(from: candidates)
        let lines = chosen.ports.map { port in
            let isListening = services.listening.contains(port)
            let held = holders.holders(of: port).map { ServiceHolders($0) } ?? ServiceHolders()
            return ServiceLine(port: port, isListening: isListening, holders: isListening ? nil : held)
        }
        return (lines, chosen.omitted)
    }
}

extension PortTimeWait {
    /// Those whose both ends are on this host.
    fileprivate var localPeers: Int { serverLocal + clientLocal }
}

extension PortTimeWait {
    /// The number that an owner's TIME_WAIT of this port belongs to. A port has no remote clients: their TIME_WAITs are
    /// on their own hosts.
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
