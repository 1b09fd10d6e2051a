package import Model

/// What is remembered from one reading of the socket table to the next.
///
///     var reading = Reading(facts, &memory, at: now)
///     try table.read(into: &reading)
///     let report = reading.finish(&memory)
///
/// The same rows and the same memory give the same report.
package struct Memory: Sendable {
    let settings: AccountingSettings
    var listeners = ListenerMemory()
    var services = ServiceMemory()
    var portChoice: PortChoice
    var serviceChoice: ServiceChoice
    var arrivals: Arrivals
    var entries: EntryCounters
    var destinations: Destinations
    var holders = PortHolders()
    var peers: Peers
    var rangeForecast = RangeForecast()
    /// The memory of what rows say of ports: a reading takes it, and `finish` gives it back.
    var ports: LocalPorts?
    var timing = TimeWaitTiming()
    /// The listeners of the last look, without their queues.
    var lastLook: [ListenerIdentity] = []

    /// - Parameter settings: how much is kept and shown.
    package init(_ settings: AccountingSettings) {
        self.settings = settings
        portChoice = PortChoice(settings)
        serviceChoice = ServiceChoice(limit: settings.servicesLimit, wanted: settings.servicePorts)
        entries = EntryCounters(remembered: settings.portsRemembered)
        arrivals = Arrivals(limit: settings.socketsLimit)
        destinations = Destinations(limit: settings.destinationsLimit)
        peers = Peers(limit: settings.peersLimit)
    }

    /// Takes in the listeners of a moment between two readings.
    ///
    /// - Returns: the part of a report that follows from them, and whether a service has vanished that listened at the
    ///   look before.
    package mutating func look(
        at listening: [SocketRow],
        _ range: EphemeralRange?,
        at now: Instant
    ) -> (report: ListenerReport, hasVanished: Bool) {
        let hasVanished = remember(listening, at: now)
        return (ListenerReport(listening, home: services.home, range: range), hasVanished)
    }

    /// Whether a service has stopped that may want its port again, so that it matters who takes it.
    package var awaitsService: Bool {
        services.services.contains { port, service in
            !service.isListening && (service.cameBack || settings.servicePorts.contains(port))
        }
    }

    /// Live connections to heavy destinations of which it would help to know whether they use timestamps.
    package var questions: [TimestampQuestion] { destinations.questions }

    /// Takes in an answer to a question, for the next reading.
    package mutating func note(_ question: TimestampQuestion, hasTimestamps: Bool) {
        destinations.note(question, hasTimestamps: hasTimestamps)
    }

    private mutating func remember(_ listening: [SocketRow], at now: Instant) -> Bool {
        guard listening.map({ ListenerIdentity($0) }) != lastLook else {
            services.note(unchangedAt: now)
            return false
        }
        return update(listening, at: now)
    }

    /// Takes in listeners that may have changed.
    ///
    /// - Returns: whether a service has vanished.
    mutating func update(_ listening: [SocketRow], at now: Instant) -> Bool {
        lastLook = listening.map { ListenerIdentity($0) }
        listeners.update(listening, timing, at: now)
        return services.update(
            listening,
            timing,
            wanted: settings.servicePorts,
            held: holders.ownPorts,
            at: now
        )
    }
}

/// What makes a listener another one than before.
struct ListenerIdentity: Equatable, Sendable {
    let end: ListenerEnd
    let cookie: UInt64

    init(_ row: borrowing SocketRow) {
        end = ListenerEnd(row)
        cookie = row.cookie
    }
}
