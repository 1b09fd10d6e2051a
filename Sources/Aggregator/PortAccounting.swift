package import Ports

/// Turns the rows of the socket table into a report. It keeps its tables and what it remembers between readings:
/// `begin`, then every row of the table, then `report`.
///
/// The same rows and the same memory give the same report.
package struct PortAccounting: RowSink, Sendable {
    // Between readings.
    private var memory = ListenerMemory()
    private var choice: PortChoice
    private var formerListeners = FormerListeners()
    private var arrivals: Arrivals
    private var entries: EntryCounters

    // Of this reading.
    private var now = Instant(nanoseconds: 0)
    private var range: EphemeralRange?
    private var addresses: LocalAddresses?
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
    private var held = HeldPorts()
    /// Ports that are bound without a connection; nil where nobody tells.
    private var bound: PortSet?

    /// - Parameters:
    ///   - portsLimit: how many ports get a line of their own, 0 for none.
    ///   - portsRemembered: of how many ports the counters are kept when nobody listens any more.
    ///   - socketsLimit: how many TIME_WAIT sockets are told apart from one reading to the next.
    package init(portsLimit: Int, portsRemembered: Int, socketsLimit: Int) {
        choice = PortChoice(limit: portsLimit)
        entries = EntryCounters(remembered: portsRemembered)
        arrivals = Arrivals(limit: socketsLimit)
    }

    /// Starts a reading.
    ///
    /// - Parameters:
    ///   - listening: the LISTEN rows of both families. Rows are told by them, so they have to be known before the first row. They are
    ///     counted from here; LISTEN rows that come again among the rows of the table are passed over.
    ///   - bound: the sockets that are bound and neither listen nor are connected; nil where nobody tells.
    ///   - range: the ephemeral range; nil where it could not be read.
    ///   - addresses: this namespace's own addresses; nil where they could not be read.
    ///   - now: the moment of the reading.
    package mutating func begin(
        listening: [SocketRow],
        bound: [SocketRow]? = nil,
        range: EphemeralRange?,
        addresses: LocalAddresses?,
        at now: Instant
    ) {
        self.range = range
        self.addresses = addresses
        listeners.rebuild(memory.update(listening, at: now))
        lines = (0..<listeners.count).map { PortLine(port: listeners.port(of: $0)) }
        portTimeWait = Array(repeating: PortTimeWait(), count: listeners.count)
        table = TableCounts()
        newPortTimeWait = portTimeWait
        timeWait = TimeWaitCounts()
        newTimeWait = TimeWaitCounts()
        orphanFinWait2 = 0
        held.removeAll()
        if isClassifying { arrivals.begin(at: now) }
        self.now = now
        self.bound = bound.map { rows in rows.reduce(into: PortSet()) { $0.insert($1.localPort) } }
        for row in bound ?? [] { count(row) }
        for row in listening {
            count(row)
            guard let slot = listeners.slot(of: row.localPort) else { continue }
            lines[slot].listeners += 1
            lines[slot].acceptQueue += Int(row.receiveQueue)
        }
    }

    /// The rows that follow were read at this moment.
    package mutating func chunk(at now: Instant) {
        countNew()
        arrivals.chunk(at: now)
    }

    /// Takes one row of the table.
    package mutating func row(_ row: borrowing SocketRow) {
        guard row.state != .listen else { return }
        count(row)
        held.insert(row)
        switch row.state {
        case .timeWait:
            classify(row)
        case .established:
            if let slot = listeners.slot(of: row.localPort, taking: row.localAddress) { lines[slot].established += 1 }
        default:
            if row.isOrphanFinWait2 { orphanFinWait2 += 1 }
        }
    }

    private mutating func count(_ row: borrowing SocketRow) {
        table[row.localAddress.isIPv4 ? .ipv4 : .ipv6, row.state] += 1
    }

    /// Whether it can be told whose a TIME_WAIT is.
    private var isClassifying: Bool { addresses != nil && range != nil }

    /// Whose TIME_WAIT it is. The order of the questions decides: both ends of a local connection may be a listener's.
    private mutating func classify(_ row: borrowing SocketRow) {
        guard let addresses else { return }
        let peer: Peer = addresses.contains(row.remoteAddress) ? .local : .remote
        let owner: Arrivals.Owner
        if let slot = listeners.slot(of: row.localPort, taking: row.localAddress) {
            owner = Arrivals.Owner(role: .server, peer: peer, slot: slot)
        } else if peer == .local, let slot = listeners.slot(of: row.remotePort, taking: row.remoteAddress) {
            owner = Arrivals.Owner(role: .client, peer: peer, slot: slot)
        } else {
            let isEphemeral = range?.ports.contains(row.localPort) == true
            owner = Arrivals.Owner(role: isEphemeral ? .client : .other, peer: peer, slot: nil)
        }
        timeWait[owner.role, peer] += 1
        if let slot = owner.slot { portTimeWait[slot][owner] += 1 }
        // Without the range nobody's role is certain: what is new now is new still when the range is back.
        if isClassifying { arrivals.note(row, of: owner) }
    }

    /// Counts those that are new of the rows until now.
    private mutating func countNew() {
        for owner in arrivals.settle() {
            newTimeWait[owner.role, owner.peer] += 1
            if let slot = owner.slot { newPortTimeWait[slot][owner] += 1 }
        }
    }

    /// Ends the reading.
    package mutating func report() -> PortReport {
        if isClassifying {
            countNew()
            arrivals.finish()
            entries.add(newTimeWait, zip(lines.map(\.port), newPortTimeWait).map { ($0, $1) }, at: now)
        }
        for slot in lines.indices {
            lines[slot].timeWait = addresses == nil ? nil : portTimeWait[slot]
            lines[slot].entries = isClassifying ? entries.entries(of: lines[slot].port) : nil
            lines[slot].isExposed = range?.exposes(lines[slot].port)
        }
        let present = lines.filter { $0.listeners > 0 }
        let listeningPorts = present.reduce(into: PortSet()) { $0.insert($1.port) }
        formerListeners.update(listening: listeningPorts, held: held.all)
        let chosen = choice.choose(from: lines)
        let blocked = listeningPorts.union(formerListeners.ports).union(bound ?? PortSet())
        return PortReport(
            table: table,
            knowsBound: bound != nil,
            orphanFinWait2: orphanFinWait2,
            timeWait: isClassifying ? timeWait : nil,
            observed: isClassifying ? entries.host : nil,
            untracked: arrivals.untracked,
            listening: range.map { ListeningPorts(present.map(\.port), in: $0) },
            dialedPorts: addresses == nil ? nil : present.count { ($0.timeWait?.localPeers ?? 0) > 0 },
            omittedPorts: present.count - chosen.count { $0.listeners > 0 },
            ports: chosen,
            ephemeral: range.map { held.use(of: $0, without: blocked) }
        )
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
