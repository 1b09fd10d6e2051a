import Model

/// The ports on which services listen, and on which they did: where they listened last, and how
/// long ago.
///
/// The service of a port is what listened there first. A listener elsewhere on the port, such as
/// one on 127.0.0.1 where the service had 0.0.0.0, is not the service: it may be what keeps it from
/// starting.
struct ServiceMemory: Sendable {
    /// What is known of a port.
    struct Service: Sendable {
        /// Where it listens, or did last.
        fileprivate(set) var ends: ListenerEnds
        /// Every place where it was seen to listen: a service that is moved, and moved back, is
        /// itself in both.
        fileprivate var homes: ListenerEnds
        /// Since when it listens, without a break that was seen.
        fileprivate var since: Instant
        /// When it was last seen to listen, once it has gone.
        fileprivate(set) var lastSeen: Instant
        fileprivate(set) var isListening = true
        /// The cookies of its listeners; empty over procfs.
        fileprivate var cookies: Set<UInt64>
        /// Whether it listened so long that it is worth waiting for.
        fileprivate var isEstablished = false
        /// Whether it was seen to listen again after it had gone: a port of its own, that it will
        /// want again. Programs that take whatever port they get do not come back to it.
        fileprivate(set) var cameBack = false

        /// Whether it was seen to listen on an address, or on all of its family.
        func listened(on address: IPAddress) -> Bool { homes.listen(on: address) }
    }

    /// How long a service has to listen to be waited for, in seconds.
    static let establishing = 600.0
    /// How long one is waited for that did, or that came back before, in seconds.
    static let remembering = 86_400.0

    private(set) var services: [Port: Service] = [:]
    /// The ports that somebody listens on, be it the service or not.
    private(set) var listening = PortSet()
    /// The ports whose service listens.
    private(set) var home = PortSet()
    /// When the listeners were looked at last.
    private var lastLook = Instant(nanoseconds: 0)

    /// Takes in that the listeners are the same as at the look before.
    mutating func note(unchangedAt now: Instant) { lastLook = now }

    /// Takes in the listeners of one moment.
    ///
    /// - Parameters:
    ///   - wanted: ports whose services are remembered for good.
    ///   - held: ports on which sockets are left that a service had accepted: it is remembered as
    ///     long.
    /// - Returns: whether a service has vanished that listened at the look before.
    @discardableResult
    mutating func update(
        _ listeners: [SocketRow],
        _ timing: TimeWaitTiming,
        wanted: PortSet,
        held: PortSet,
        at now: Instant
    ) -> Bool {
        listening.removeAll()
        var rows: [Port: [SocketRow]] = [:]
        for row in listeners {
            listening.insert(row.localPort)
            rows[row.localPort, default: []].append(row)
        }
        for (port, service) in services where !service.isListening {
            let isWorthIt = service.cameBack || service.isEstablished
            let memory = isWorthIt ? Self.remembering : timing.listenerMemory
            if now - service.lastSeen >= memory, !wanted.contains(port), !held.contains(port) { services[port] = nil }
        }
        let homeBefore = home
        home.removeAll()
        for (port, rows) in rows {
            see(rows, on: port, at: now)
            if services[port]?.isListening == true { home.insert(port) }
        }
        for (port, service) in services where service.isListening && !listening.contains(port) {
            services[port]?.isListening = false
            services[port]?.lastSeen = lastLook
        }
        lastLook = now
        return !homeBefore.subtracting(home).isEmpty
    }

    /// The places where a service was seen, with those of now.
    private static func homes(_ known: ListenerEnds, _ ends: ListenerEnds) -> ListenerEnds {
        let homes = Set(known.all).union(ends.all)
        // Addresses that come and go do not add up.
        if homes.count > 2 * ends.all.count + 16 { return ends }
        return homes.count == known.all.count ? known : ListenerEnds(homes)
    }

    private mutating func see(_ rows: [SocketRow], on port: Port, at now: Instant) {
        let ends = ListenerEnds(rows.map { ListenerEnd($0) })
        let cookies = Set(rows.lazy.map(\.cookie).filter { $0 != 0 })
        guard var service = services[port] else {
            services[port] = Service(
                ends: ends,
                homes: ends,
                since: now,
                lastSeen: now,
                cookies: cookies
            )
            return
        }
        let isHome = service.homes.all.contains { ends.cover($0) }
        // What has been elsewhere for a day is taken for the service.
        guard isHome || !service.isListening && now - service.lastSeen >= Self.remembering else {
            if service.isListening { service.lastSeen = lastLook }
            service.isListening = false
            services[port] = service
            return
        }
        let wasRestarted = !service.cookies.isEmpty && !cookies.isEmpty && service.cookies.isDisjoint(with: cookies)
        if isHome, !service.isListening || wasRestarted { service.cameBack = true }
        if !service.isListening { service.since = now }
        service.isListening = true
        service.ends = ends
        service.homes = isHome ? Self.homes(service.homes, ends) : ends
        service.cookies = cookies
        if now - service.since >= Self.establishing { service.isEstablished = true }
        services[port] = service
    }
}
