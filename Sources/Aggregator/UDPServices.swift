package import Model

/// The UDP ports that services are known to need: can they have them?
///
/// A UDP socket that is not connected takes whatever comes to its port, as a service does; one that
/// is connected belongs to somebody's conversation. Who owns an unconnected one is not to be seen:
/// a program that took a vanished service's port on the same address looks like the service.
package struct UDPServices: Sendable {
    /// What is known of a port.
    private struct Service {
        /// Where it has an unconnected socket, or had one last.
        var ends: ListenerEnds
        /// The connected sockets that were there beside it.
        var own: Set<UInt64> = []
    }

    /// The most connected sockets of a port that are remembered.
    private static let remembered = 4096

    private let wanted: PortSet
    private var services: [Port: Service] = [:]
    private var choice: ServiceChoice

    /// - Parameter settings: which ports, and how many get a line.
    package init(_ settings: AccountingSettings) {
        wanted = settings.udpServicePorts
        choice = ServiceChoice(limit: settings.servicesLimit, wanted: wanted)
    }

    /// The ports whose sockets are asked for.
    package var watched: PortSet { wanted }

    /// Takes in the UDP sockets on the watched ports.
    ///
    /// - Returns: the chosen ports by number, and how many the limit leaves out.
    package mutating func update(_ rows: [SocketRow]) -> (lines: [ServiceLine], omitted: Int) {
        let byPort = Dictionary(grouping: rows, by: \.localPort)
        var (holders, home) = ([Port: ServiceHolders](), PortSet())
        for port in wanted {
            let rows = byPort[port] ?? []
            if let found = look(at: rows, on: port) { holders[port] = found } else { home.insert(port) }
        }
        let held = Set(holders.filter { $0.value.own + $0.value.other > 0 }.keys)
        let chosen = choice.choose(from: [], held: held, home: home)
        let lines = chosen.ports.map { port in
            ServiceLine(
                port: port,
                origin: .configured,
                isListening: home.contains(port),
                holders: holders[port]
            )
        }
        return (lines, chosen.omitted)
    }

    /// What holds a port; nil where its service is there.
    private mutating func look(at rows: [SocketRow], on port: Port) -> ServiceHolders? {
        let ends = ListenerEnds(rows.filter { $0.state == .close }.map { ListenerEnd($0) })
        let known = services[port]
        let isHome = known.map { known in known.ends.all.contains { ends.cover($0) } }
        let connected = rows.filter { $0.state != .close }
        if isHome ?? !ends.all.isEmpty {
            let own = connected.prefix(Self.remembered).map(\.connection)
            services[port] = Service(ends: ends, own: Set(own))
            return nil
        }
        // One that is gone is not the same when its ends come again.
        services[port]?.own.formIntersection(connected.map(\.connection))
        var holders = ServiceHolders()
        for row in rows {
            let isOwn = row.state != .close && known?.own.contains(row.connection) == true
            if isOwn { holders.own += 1 } else { holders.other += 1 }
            guard known?.ends.overlap(row) ?? true else { continue }
            holders.isBindablePlain = false
            if !isOwn { holders.isBindableReusing = false }
        }
        if !rows.isEmpty { holders.free = .never }
        return holders
    }
}
