/// What one reading of the socket table says. A part that needs something which could not be read
/// is nil.
package struct PortReport: Equatable, Sendable {
    /// Rows by family and state.
    package var table = TableCounts()
    /// Whether the kernel shows sockets that are bound and neither listen nor are connected.
    package var knowsBound = false
    /// FIN_WAIT2 sockets that nobody owns any more.
    package var orphanFinWait2 = 0
    /// TIME_WAIT sockets by role and peer; nil without the local addresses or the ephemeral range.
    package var timeWait: TimeWaitCounts?
    /// TIME_WAIT sockets that readings saw begin, since the first one, by role and peer; nil as
    /// `timeWait` is.
    package var observed: TimeWaitCounts?
    /// TIME_WAIT sockets of which nobody can tell whether they are new, because there are more than
    /// may be remembered.
    package var untracked = 0
    /// All LISTEN ports; nil without the ephemeral range.
    package var listening: ListeningPorts?
    /// LISTEN ports that hold a TIME_WAIT with a local peer; nil without the local addresses.
    package var dialedPorts: Int?
    /// LISTEN ports that `ports` leaves out.
    package var omittedPorts = 0
    /// The chosen ports, by number.
    package var ports: [PortLine] = []
    /// The use of the ephemeral range; nil without it.
    package var ephemeral: EphemeralUse?
    /// When the range has no free port, whatever the destination, as forecast; nil if never, and
    /// without the range.
    package var ephemeralExhaustion: Instant?
    /// Reserved ports that protect nothing; nil without the range.
    package var idleReserved: IdleReservedPorts?
    /// Sockets whose both ends are the same.
    package var selfConnected = 0
    /// The first of them, at most `mostSelfConnected`.
    package var selfConnectedEnds: [SelfConnected] = []
    /// TIME_WAITs that began in the last `newWindow` seconds, by role and peer; nil as `timeWait`
    /// is.
    package var newTimeWait: TimeWaitCounts?
    /// Which ports are listened on and held.
    package var occupancy = PortOccupancy()
    /// The use of the range towards each destination; nil without the range or the sysctls that
    /// decide about reuse.
    package var destinations: DestinationReport?
    /// The peers of the chosen ports, if they are asked for.
    package var peers: [PeerLine] = []
    /// The chosen service ports, by number.
    package var services: [ServiceLine] = []
    /// Service ports that `services` leaves out.
    package var omittedServices = 0

    /// The most sockets in `selfConnectedEnds`.
    package static let mostSelfConnected = 16
    /// The seconds in which a TIME_WAIT that begins counts for a rate.
    package static let newWindow = TimeWaitTiming.newAge

    /// Nothing counted yet.
    package init() {}
}

/// A socket whose both ends are the same: a client that was given the port that it dials.
package struct SelfConnected: Equatable, Sendable {
    /// The address of both ends.
    package var address: IPAddress
    /// The port of both ends.
    package var port: Port
    /// Mostly ESTABLISHED; also TIME_WAIT, once it has closed.
    package var state: TCPState

    package init(address: IPAddress, port: Port, state: TCPState) {
        self.address = address
        self.port = port
        self.state = state
    }
}

/// Distinct LISTEN ports by what the ephemeral range means for them.
package struct ListeningPorts: Equatable, Sendable {
    /// Not in the range: no outgoing connection takes them.
    package var outside = 0
    /// In the range and reserved.
    package var reserved = 0
    /// In the range and not reserved: an outgoing connection can take them while their service is
    /// down.
    package var exposed = 0

    package init(outside: Int = 0, reserved: Int = 0, exposed: Int = 0) {
        self.outside = outside
        self.reserved = reserved
        self.exposed = exposed
    }
}

extension ListeningPorts {
    /// Counts distinct ports by exposure.
    package init(_ ports: some Sequence<Port>, in range: EphemeralRange) {
        for port in ports {
            if range.exposes(port) {
                exposed += 1
            } else if range.ports.contains(port) {
                reserved += 1
            } else {
                outside += 1
            }
        }
    }
}

/// One port on which something listens, or listened until a short while ago.
package struct PortLine: Equatable, Sendable {
    /// 1 to 65535.
    package var port: Port
    /// LISTEN sockets; 0 for a port whose listener vanished.
    package var listeners = 0
    /// TIME_WAIT sockets of its service; nil without the local addresses.
    package var timeWait: PortTimeWait?
    /// The TIME_WAITs of its service that it has because it closed first, by the listener that
    /// accepted them.
    package var listenerTimeWait: [ListenerTimeWait] = []
    /// TIME_WAIT sockets of its service that readings saw begin, since the first one; nil as
    /// `timeWait` is.
    package var entries: PortTimeWait?
    /// ESTABLISHED sockets that were accepted on it.
    package var established = 0
    /// Connections that wait for accept(), summed over its listeners.
    package var acceptQueue = 0
    /// How many may wait, as listen() asked, summed over its listeners; nil over procfs.
    package var acceptQueueLimit: Int?
    /// CLOSE_WAIT sockets at the service's end: the client has closed, and the service has not.
    package var closeWait = 0
    /// Whether the port is a service's for certain: asked for, or listened on again after its
    /// listener had gone.
    package var isRecurring = false
    /// Whether it is in the range and not reserved; nil without the range.
    package var isExposed: Bool?
    /// The chance, 0 to 1, that the port is taken when its service next binds it: 0 where it is not
    /// exposed; nil without the range, and where nothing of its parity is usable.
    package var collisionRatio: Double?

    package init(
        port: Port,
        listeners: Int = 0,
        timeWait: PortTimeWait? = nil,
        listenerTimeWait: [ListenerTimeWait] = [],
        entries: PortTimeWait? = nil,
        established: Int = 0,
        acceptQueue: Int = 0,
        acceptQueueLimit: Int? = nil,
        closeWait: Int = 0,
        isRecurring: Bool = false,
        isExposed: Bool? = nil,
        collisionRatio: Double? = nil
    ) {
        self.port = port
        self.listeners = listeners
        self.timeWait = timeWait
        self.listenerTimeWait = listenerTimeWait
        self.entries = entries
        self.established = established
        self.acceptQueue = acceptQueue
        self.acceptQueueLimit = acceptQueueLimit
        self.closeWait = closeWait
        self.isRecurring = isRecurring
        self.isExposed = isExposed
        self.collisionRatio = collisionRatio
    }
}

/// TIME_WAITs that a service has because it closed first, and the listener that accepted their
/// connections.
package struct ListenerTimeWait: Equatable, Sendable {
    /// Where it listens, or did until a short while ago.
    package var end: ListenerEnd
    /// How many there are.
    package var count: Int

    package init(end: ListenerEnd, count: Int) {
        self.end = end
        self.count = count
    }
}

/// TIME_WAIT sockets of the service on a port. A remote client's TIME_WAIT is on the remote host.
package struct PortTimeWait: Equatable, Sendable {
    /// The service closed first, and its peer is local.
    package var serverLocal = 0
    /// The service closed first, and its peer is remote.
    package var serverRemote = 0
    /// A local client closed first.
    package var clientLocal = 0

    /// TIME_WAITs by their parts.
    package init(serverLocal: Int = 0, serverRemote: Int = 0, clientLocal: Int = 0) {
        self.serverLocal = serverLocal
        self.serverRemote = serverRemote
        self.clientLocal = clientLocal
    }

    /// Those whose both ends are on this host.
    package var localPeers: Int { serverLocal + clientLocal }

    /// All of them.
    package var total: Int { serverLocal + serverRemote + clientLocal }

    /// Adds numbers to numbers.
    package static func += (left: inout PortTimeWait, right: PortTimeWait) {
        left.serverLocal += right.serverLocal
        left.serverRemote += right.serverRemote
        left.clientLocal += right.clientLocal
    }
}

/// The sockets of one peer of a service port.
package struct PeerLine: Equatable, Sendable {
    /// The service's port.
    package var port: Port
    /// The peer's address.
    package var address: IPAddress
    /// Its TIME_WAIT and ESTABLISHED sockets.
    package var sockets: Int

    package init(port: Port, address: IPAddress, sockets: Int) {
        self.port = port
        self.address = address
        self.sockets = sockets
    }
}
