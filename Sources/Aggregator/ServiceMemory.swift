import Ports

/// The ports on which services listen, and on which they did: where they listened last, and how long ago.
struct ServiceMemory: Sendable {
    /// Where a service listens or did.
    typealias End = (end: ListenerMemory.End, isV6Only: Bool)

    /// What is known of a port.
    struct Service: Sendable {
        /// Where it listens, or did last.
        fileprivate(set) var ends: [End]
        /// Since when it listens, without a break that was seen.
        fileprivate var since: Instant
        /// When a reading last saw it listen.
        fileprivate(set) var lastSeen: Instant
        /// Whether it listened for so long that it will want its port again.
        fileprivate(set) var isLearnt = false
    }

    /// How long a service has to listen to be learnt, in seconds: shorter ones take whatever port they get.
    static let learning = 600.0
    /// How long a learnt service is remembered, in seconds.
    static let remembering = 86_400.0

    private(set) var services: [Port: Service] = [:]
    /// The ports that somebody listens on.
    private(set) var listening = PortSet()

    /// Takes in the listeners of one reading.
    ///
    /// - Parameters:
    ///   - wanted: ports whose services are remembered for good.
    ///   - held: ports on which sockets are left that a service had accepted: it is remembered as long.
    mutating func update(_ listeners: [SocketRow], wanted: PortSet, held: PortSet, at now: Instant) {
        let before = listening
        listening.removeAll()
        for row in listeners {
            let end = (ListenerMemory.End(address: row.localAddress, port: row.localPort), row.isV6Only)
            if listening.contains(row.localPort) {
                services[row.localPort]?.ends.append(end)
            } else {
                see(end, listenedBefore: before.contains(row.localPort), at: now)
            }
            listening.insert(row.localPort)
        }
        for (port, service) in services where !listening.contains(port) {
            let memory = service.isLearnt ? Self.remembering : ListenerMemory.seconds
            if now - service.lastSeen >= memory, !wanted.contains(port), !held.contains(port) { services[port] = nil }
        }
    }

    private mutating func see(_ end: End, listenedBefore: Bool, at now: Instant) {
        let port = end.end.port
        var service = services[port] ?? Service(ends: [], since: now, lastSeen: now)
        if !listenedBefore { service.since = now }
        service.ends = [end]
        service.lastSeen = now
        service.isLearnt = service.isLearnt || now - service.since >= Self.learning
        services[port] = service
    }
}
