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
    /// Who closed first; nil where that is not traced.
    var closers: Closers?
    /// The rows of the last reading that `closers` needs.
    var closingRows: ClosingRows?
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
        closers = settings.closersLimit.map { Closers(limit: $0) }
    }

    /// Takes in the listeners of a moment between two readings.
    ///
    /// - Returns: the part of a report that follows from them.
    package mutating func look(
        at listening: [SocketRow],
        _ range: EphemeralRange?,
        at now: Instant
    ) -> ListenerReport {
        if listening.map({ ListenerIdentity($0) }) == lastLook {
            services.note(unchangedAt: now)
            hasVanished = false
        } else {
            update(listening, at: now)
        }
        return ListenerReport(listening, home: services.home, range: range)
    }

    /// Whether a service has vanished between the last two looks at the listeners, be it by `look`
    /// or by a reading.
    package private(set) var hasVanished = false

    /// Whether a service has stopped that may want its port again, so that it matters who takes it.
    package var awaitsService: Bool {
        services.services.contains { port, service in
            !service.isListening && (service.cameBack || settings.servicePorts.contains(port))
        }
    }

    /// Live connections to heavy destinations of which it would help to know whether they use
    /// timestamps.
    package var questions: [TimestampQuestion] { destinations.questions }

    /// Takes in an answer to a question, for the next reading.
    package mutating func note(_ question: TimestampQuestion, hasTimestamps: Bool) {
        destinations.note(question, hasTimestamps: hasTimestamps)
    }

    /// Takes in listeners that may have changed.
    mutating func update(_ listening: [SocketRow], at now: Instant) {
        lastLook = listening.map { ListenerIdentity($0) }
        listeners.update(listening, timing, at: now)
        hasVanished = services.update(
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

/// How much the accounting keeps and shows, as set by flags.
package struct AccountingSettings: Sendable {
    /// How many LISTEN ports get a line of their own; 0 for none.
    package var portsLimit = 100
    /// The ports that may get a line of their own, or be learnt as a service's; nil for all.
    package var portsIncluded: PortSet?
    /// Those of them that may not.
    package var portsExcluded = PortSet()
    /// Of how many ports the counters are kept when nobody listens any more.
    package var portsRemembered = 4096
    /// How many TIME_WAIT sockets are recognised from one reading to the next.
    package var socketsLimit = 4_194_304
    /// How many destinations get a line of their own; 0 for none.
    package var destinationsLimit = 10
    /// How many peers of each port get a line; 0 for none.
    package var peersLimit = 0
    /// The TCP ports that services are known to need.
    package var servicePorts = PortSet()
    /// The UDP ports that they do.
    package var udpServicePorts = PortSet()
    /// How many service ports get a line; 0 for none.
    package var servicesLimit = 100
    /// How many programs that close first get a line; 0 for none, nil where closes are not traced.
    package var closersLimit: Int?

    /// Whether a port may get a line of its own, or be learnt as a service's.
    func includes(_ port: Port) -> Bool {
        portsIncluded?.contains(port) != false && !portsExcluded.contains(port)
    }

    /// The defaults.
    package init() {}
}
