import Aggregator
package import KernelReaders
package import Model

/// Reads what is due, keeps what is to be remembered between readings, and gives a sample of all
/// that is known.
///
/// Two rhythms: every second what costs microseconds, which are small files and, over sock_diag,
/// the listeners; every interval the socket table and what classifies its rows.
package struct Sampler: ~Copyable {
    private let proc: ProcFilesystem
    private let log: @Sendable (SamplerEvent) -> Void
    private var table: TableReader
    private var watch: CollectorWatch
    private var pace: Pace
    private var seconds: Schedule
    private var intervals: Schedule
    /// Local addresses change rarely, and reading them costs as much as the routing table is long.
    private var addressesDue: Instant
    private var addresses: LocalAddresses?
    private var addressReader: AddressReader
    /// Whether the log says that addresses are not read as they should be.
    private var hasAddressObstacle = false

    /// Sockets that are only bound are rare, and cost up to 100 ms to find: read with the table
    /// where that is cheap.
    private var boundDue: Instant
    private var udpDue: Instant
    private var bound: [SocketRow]?
    private var memory: Memory
    private var udpServices: UDPServices
    private var bucketsPeak = RecentPeak(seconds: 60)
    private var dialedPeak = RecentPeak(seconds: 300)
    private var meaning = CounterMeaning()
    private var changes = SysctlChanges()
    private var sample = Sample()

    /// - Parameters:
    ///   - proc: where to read.
    ///   - settings: what to read, and how often.
    ///   - start: when the first tick is due.
    ///   - log: takes what is worth a line in the log.
    package init(
        _ proc: ProcFilesystem,
        _ settings: SamplerSettings,
        from start: Instant,
        log: @escaping @Sendable (SamplerEvent) -> Void
    ) {
        self.proc = proc
        table = TableReader(settings.source, proc)
        addressReader = AddressReader(proc)
        self.log = log
        watch = CollectorWatch(log: log)
        seconds = Schedule(every: 1, from: start)
        pace = Pace(requested: settings.interval, share: settings.cpuShare)
        intervals = Schedule(every: settings.interval, from: start)
        addressesDue = start
        boundDue = start
        udpDue = start
        memory = Memory(settings.accounting)
        udpServices = UDPServices(settings.accounting)
        sample.interval = pace.interval
        sample.requestedInterval = pace.requested
    }

    /// When `tick` is due next.
    package var next: Instant { min(seconds.next, intervals.next) }

    /// Reads what is due at this moment.
    package mutating func tick(at now: Instant) -> Sample {
        sample.now = now
        let rangeBefore = sample.portSysctls
        let isSecond = seconds.isDue(at: now)
        if isSecond { readCheapFiles(at: now) }
        // The range classifies rows: with a new one the report has to be made anew.
        let rangeChanged = sample.ports != nil && sample.portSysctls != rangeBefore
        if intervals.isDue(at: now) || rangeChanged {
            readTable(at: now)
        } else if isSecond {
            readListeners(at: now)
        }
        sample.collectors = watch.statuses
        var history = sample.history
        history.note(sample)
        sample.history = history
        return sample
    }

    private mutating func readCheapFiles(at now: Instant) {
        sample.portSysctls =
            watch.partialReading(of: .ephemeralRange) { () throws(ReadError) in try proc.portSysctls() }
            ?? PortSysctls()
        sample.sysctls = watch.partialReading(of: .sysctl) { () throws(ReadError) in try proc.sysctlValues() }
        changes.note(sample.sysctls, sample.portSysctls, at: now)
        sample.sysctlChanges = changes.counts
        sample.latestSysctlChanges = changes.latest
        sample.statistics = watch.partialReading(of: .sockstat) { () throws(ReadError) in
            try proc.socketStatistics()
        }
        sample.bucketsPeak = (sample.statistics?.timeWaitBuckets).map { bucketsPeak.note($0, at: now) }
        sample.counters = watch.partialReading(of: .netstat) { () throws(ReadError) in try proc.timeWaitCounters() }
        if let buckets = sample.statistics?.timeWaitBuckets, let counted = sample.counters?.counted {
            meaning.note(buckets: buckets, counted: counted)
        }
        sample.countedEvent = meaning.event
        sample.process = watch.reading(of: .process) { () throws(ReadError) in try ProcessFacts.reading() }
    }

    /// Brings up to date what listeners say, between two readings of the table. Only sock_diag
    /// gives them without a walk.
    private mutating func readListeners(at now: Instant) {
        guard sample.ports != nil, table.source == .sockDiag, table.hasSockDiag else { return }
        let listening = watch.reading(of: .listeners) { () throws(ReadError) in try table.listeners() }
        guard let listening, var report = sample.ports.take() else { return }
        let look = memory.look(at: listening, sample.range, at: now)
        report.refresh(look.report)
        sample.ports = report
        // A socket that is only bound may take the port before the next reading of the table.
        if look.hasVanished, memory.awaitsService {
            boundDue = now
            readBoundSockets(at: now)
        }
    }

    private mutating func readTable(at now: Instant) {
        readAddresses(at: now)
        let costBefore = watch.statuses[.socketTable]?.cpuSeconds ?? 0
        readBoundSockets(at: now)
        readUDPPorts(at: now)
        let facts = NamespaceFacts(
            range: sample.range,
            ports: sample.portSysctls.ports,
            addresses: addresses,
            sysctls: sample.sysctls,
            udpPorts: sample.udpPorts,
            recycled: sample.counters?.recycled
        )
        var malformedRows = 0
        sample.ports = watch.reading(of: .socketTable) { () throws(ReadError) in
            let result = try table.read(facts, bound: bound, &memory, at: now)
            malformedRows = result.malformedRows
            return result.report
        }
        askForTimestamps()
        sample.readAt = sample.ports == nil ? nil : (now, Clock.realtime.seconds - (Clock.now - now))
        watch.leftOut(malformedRows)
        nameDevices()
        pace.note(cost: (watch.statuses[.socketTable]?.cpuSeconds ?? 0) - costBefore)
        intervals.change(to: pace.interval, at: now)
        sample.interval = pace.interval
        noteSource()
        sample.dialedPortsPeak = sample.ports?.dialedPorts.map { dialedPeak.note($0, at: now) }
    }

    /// Asks live connections to heavy destinations for their timestamps, where these decide about
    /// reuse. The answers count from the next reading on.
    private mutating func askForTimestamps() {
        guard table.source == .sockDiag else { return }
        for question in memory.questions.prefix(Self.mostQuestions) {
            // One that is gone, or a kernel that does not say, leaves it unknown.
            guard let answer = try? table.usesTimestamps(question) else { continue }
            memory.note(question, hasTimestamps: answer)
        }
    }

    /// The most questions after a reading, a few microseconds each.
    private static let mostQuestions = 32

    /// Looks up the names of the interfaces that shown destinations are bound to.
    private mutating func nameDevices() {
        let devices = Set((sample.ports?.destinations?.lines ?? []).map(\.destination.device)).subtracting([0])
        sample.deviceNames = devices.reduce(into: [:]) { $0[$1] = InterfaceName.of($1) }
    }

    /// Says in the log where the table is read, when that changes, and why it is not read where it
    /// should be.
    private mutating func noteSource() {
        guard let source = table.source, source != sample.source else { return }
        sample.source = source
        if source == .procfs {
            // Only sock_diag gives them.
            watch.forget(.listeners)
            watch.forget(.boundSockets)
        }
        log(.reads(source, because: table.obstacle))
    }

    /// Reads the sockets that are only bound: every minute, and oftener where that takes no more
    /// than a five-thousandth of the time, or a five-hundredth while a service waits for its port,
    /// which one of them may hold.
    private mutating func readBoundSockets(at now: Instant) {
        guard table.hasSockDiag, now >= boundDue else { return }
        bound = watch.reading(of: .boundSockets) { () throws(ReadError) in try table.boundSockets() } ?? nil
        boundDue =
            now + min(60, (memory.awaitsService ? 500 : 5000) * (watch.statuses[.boundSockets]?.duration ?? 0))
    }

    /// Reads the ports of UDP sockets, where there are very many so seldom that it takes at most a
    /// hundredth of the time.
    private mutating func readUDPPorts(at now: Instant) {
        guard now >= udpDue else { return }
        let sockets = watch.reading(of: .udp) { () throws(ReadError) in
            try proc.udpSockets(watching: udpServices.watched)
        }
        sample.udpPorts = sockets?.ports
        sample.udpServices = sockets.map { udpServices.update($0.rows) }
        udpDue = now + 100 * (watch.statuses[.udp]?.duration ?? 0)
    }

    /// Reads the local addresses, on a router with a million routes so seldom that it takes at most
    /// a hundredth of the time.
    private mutating func readAddresses(at now: Instant) {
        guard now >= addressesDue else { return }
        addresses = watch.reading(of: .localAddresses) { () throws(ReadError) in try addressReader.read(at: now) }
        if let obstacle = addressReader.obstacle, !hasAddressObstacle { log(.readsAddressFiles(because: obstacle)) }
        hasAddressObstacle = addressReader.obstacle != nil
        let duration = watch.statuses[.localAddresses]?.duration ?? 0
        addressesDue = now + max(100 * duration, pace.requested / 2)
    }
}
