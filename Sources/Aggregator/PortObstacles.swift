package import Model

/// Finds the sockets that keep a service from binding its port, in one reading after the other.
///
/// It decides as `timewait_service_port_bindable` does: every socket on an overlapping address is
/// in the way, unless it and the service have SO_REUSEADDR and it does not listen. No row has that
/// flag. A connection that a listener accepted has the listener's, which is assumed to be set; any
/// other socket is assumed not to have it. What the sockets themselves answer (`note(_:of:)`)
/// replaces both assumptions.
package struct PortObstacles: Sendable {
    /// What else is known when the sockets are read.
    package struct Surroundings: Sendable {
        /// Every listener of the namespace.
        package var listeners: [SocketRow] = []
        package var range: PortRange?
        package var addresses: LocalAddresses?
        package var timing = TimeWaitTiming()

        package init() {}
    }

    private let end: ListenerEnd
    private let reusesAddress: Bool
    private var services = ServiceMemory()
    private var holders = PortHolders()
    private var index = ListenerIndex()
    /// SO_REUSEADDR of sockets that were asked. A TIME_WAIT keeps that of its connection.
    private var reuse: [UInt64: Bool] = [:]
    /// Whether the listeners that were seen on the port set SO_REUSEADDR; nil if unknown.
    private var listenersReuse: Bool?

    /// - Parameters:
    ///   - end: what the service binds.
    ///   - reusesAddress: whether it sets SO_REUSEADDR before.
    package init(to end: ListenerEnd, reusesAddress: Bool) {
        self.end = end
        self.reusesAddress = reusesAddress
    }

    /// Whether the answer of a socket to the question for SO_REUSEADDR matters.
    package func asks(_ socket: OwnedSocket) -> Bool {
        reusesAddress && socket.inode != 0 && end.overlaps(socket.row)
    }

    /// Takes in the answer of a socket.
    package mutating func note(_ options: SocketOptions, of socket: OwnedSocket) {
        if socket.row.state == .listen {
            listenersReuse = (listenersReuse ?? true) && options.reusesAddress
        } else {
            reuse[socket.row.connection] = options.reusesAddress
        }
    }

    /// The sockets of one reading that make bind() fail with EADDRINUSE.
    ///
    /// - Parameter sockets: all of the port.
    package mutating func find(
        among sockets: [OwnedSocket],
        _ surroundings: Surroundings,
        at now: Instant
    ) -> [PortObstacle] {
        let port = end.port
        let listening = sockets.map(\.row).filter { $0.state == .listen }
        let wanted = PortSet([port])
        services.update(listening, surroundings.timing, wanted: wanted, held: wanted, at: now)
        index.rebuild(surroundings.listeners.lazy.map { ListenerEnd($0) })
        holders.begin(
            watching: listening.isEmpty ? wanted : PortSet(),
            PortHolders.Surroundings(
                services: services.services,
                range: surroundings.range,
                addresses: surroundings.addresses,
                timing: surroundings.timing
            ),
            at: now
        )
        var obstacles: [PortObstacle] = []
        for socket in sockets {
            let isAccepted = isAccepted(socket.row, hasListener: !listening.isEmpty)
            guard end.overlaps(socket.row), !shares(socket.row, isAccepted) else { continue }
            obstacles.append(PortObstacle(socket: socket, isAccepted: isAccepted))
        }
        holders.finish()
        return obstacles
    }

    private mutating func isAccepted(_ row: SocketRow, hasListener: Bool) -> Bool {
        guard hasListener else { return holders.take(row, index) }
        guard row.state != .listen, row.state != .boundInactive else { return false }
        // Whoever listens has accepted what is on its address: nobody else gets the port.
        guard services.services[row.localPort]?.listened(on: row.localAddress) == true else { return false }
        if row.state != .timeWait { holders.noteAccepted(row) }
        return true
    }

    /// Whether the service may bind beside a socket on an overlapping address.
    private func shares(_ row: SocketRow, _ isAccepted: Bool) -> Bool {
        guard reusesAddress, row.state != .listen else { return false }
        return reuse[row.connection] ?? (isAccepted && listenersReuse != false)
    }
}
