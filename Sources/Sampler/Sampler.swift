import Aggregator
package import KernelReaders
package import Model

/// Reads what is due, keeps what is to be remembered between readings, and gives a sample of all
/// that is known.
///
/// Three rhythms: every second what costs microseconds, which are small files and, over sock_diag,
/// the listeners; every interval the socket table; rarely what is expensive: bound sockets, own
/// addresses and UDP ports.
package struct Sampler: ~Copyable {
    private let proc: ProcFilesystem
    private let log: @Sendable (SamplerEvent) -> Void
    private let interruption: Interruption
    private let patience: (others: Double, table: (first: Double, later: Double))
    private var isFirstTick = true
    /// How long the readings of this tick may take.
    private var time = TickTime(budget: 0)
    private let table: Shared<TableAccount>
    private var watch: CollectorWatch
    private var pace: Pace
    private var seconds: Schedule
    private var looks: Schedule
    private var intervals: Schedule
    /// The CPU time of what was made of the last sample, in seconds.
    private var afterwards = 0.0
    /// Local addresses change rarely, and reading them costs as much as the routing table is long.
    private var addressesDue: Instant
    private var addresses: LocalAddresses?
    private let addressReader: Shared<AddressReader>
    private let addressReading: Aside<LocalAddresses>
    private let udpReading: Aside<(ports: PortSet, rows: [SocketRow])>
    private let tableReading: Aside<TableAccount.Whole>
    private let listenerReading: Aside<TableAccount.Look>
    private let boundReading: Aside<[SocketRow]?>
    /// What the reading of the table that is under way, or was last, was begun with.
    private var tableStart = TableStart()
    /// The range of the last report.
    private var reportedPortSysctls = PortSysctls()
    private var files: SmallFiles
    /// Whether the log says that addresses are not read as they should be.
    private var hasAddressObstacle = false

    /// Sockets that are only bound are rare, and cost up to 100 ms to find: read with the table
    /// where that is cheap.
    private var boundDue: Instant
    private var udpDue: Instant
    private var bound: [SocketRow]?
    private var udpServices: UDPServices
    /// Nil where closes are not traced.
    private var closers: CloserReader?
    /// Whether the log says that names of processes are hidden.
    private var saysHidden = false
    private var dialedPeak = RecentPeak(seconds: 300)
    private var sample = Sample()

    /// - Parameters:
    ///   - proc: where to read.
    ///   - settings: what to read, and how often.
    ///   - start: when the first tick is due.
    ///   - interruption: has every reading given up at once.
    ///   - log: takes what is worth a line in the log.
    package init(
        _ proc: ProcFilesystem,
        _ settings: SamplerSettings,
        from start: Instant,
        interruption: Interruption = Interruption(),
        log: @escaping @Sendable (SamplerEvent) -> Void
    ) {
        // What is given up because the process is to end is no failure.
        let log: @Sendable (SamplerEvent) -> Void = { event in if !interruption.hasCome { log(event) } }
        self.proc = proc
        self.interruption = interruption
        patience = (settings.patience, settings.tablePatience)
        addressReader = Shared(AddressReader(proc))
        let thread = ReadingThread(interruption)
        files = SmallFiles(proc, on: thread)
        addressReading = Aside(on: thread)
        udpReading = Aside(on: thread)
        tableReading = Aside(on: thread)
        listenerReading = Aside(on: thread)
        boundReading = Aside(on: thread)
        self.log = log
        watch = CollectorWatch(log: log)
        seconds = Schedule(every: 1, from: start)
        looks = Schedule(every: 1, from: start)
        pace = Pace(requested: settings.interval, share: settings.cpuShare)
        intervals = Schedule(every: settings.interval, from: start)
        addressesDue = start
        boundDue = start
        udpDue = start
        var accounting = settings.accounting
        accounting.closersLimit = settings.who?.limit
        table = Shared(TableAccount(TableReader(settings.source, proc), Memory(accounting)))
        udpServices = UDPServices(settings.accounting)
        closers = settings.who.map { CloserReader($0, proc) }
        sample.interval = pace.interval
        sample.requestedInterval = pace.requested
        sample.socketsLimit = settings.accounting.socketsLimit
    }

    /// When `tick` is due next.
    package var next: Instant { min(seconds.next, looks.next, intervals.next) }

    /// Takes in what was spent on what was made of the last sample, as a page: it counts in the
    /// limit.
    package mutating func note(cpuSeconds: Double) { afterwards += cpuSeconds }

    /// Reads what is due at this moment.
    package mutating func tick(at now: Instant) -> Sample {
        sample.now = now
        time = TickTime(budget: patience.others)
        if seconds.isDue(at: now) {
            let startCPU = Clock.threadCPU.seconds
            let spent = files.read(into: &sample, &watch, within: time, at: now)
            pace.note(second: Clock.threadCPU.seconds - startCPU + spent + afterwards)
            afterwards = 0
        }
        let isLookDue = looks.isDue(at: now)
        // The range classifies rows: with a new one the report has to be made anew.
        let isTableDue = intervals.isDue(at: now) || sample.portSysctls.contradicts(tableStart.portSysctls)
        if isTableDue { closers?.start(at: now) }
        if isTableDue || addressReading.isUnderWay { readAddresses(at: now) }
        if isTableDue || udpReading.isUnderWay { readUDPPorts(at: now) }
        if tableReading.isUnderWay {
            takeTable()
        } else if isTableDue {
            readTable(at: now)
        } else if isLookDue || listenerReading.isUnderWay {
            readListeners(at: now)
        }
        // A page has one range.
        if sample.portSysctls.contradicts(reportedPortSysctls) { (sample.ports, sample.readAt) = (nil, nil) }
        seconds.change(to: pace.second, at: now)
        looks.change(to: pace.look, at: now)
        sample.collectors = watch.statuses
        var history = sample.history
        history.note(sample)
        sample.history = history
        return sample
    }

    /// Brings up to date what listeners say, between two readings of the table. Only sock_diag
    /// gives them without a walk.
    private mutating func readListeners(at now: Instant) {
        guard sample.ports != nil, sample.source == .sockDiag else { return }
        if !listenerReading.isUnderWay {
            guard table.useIfFree({ $0.reader.hasSockDiag }) == true else { return }
            let (table, range, patience) = (table, sample.range, Patience(seconds: patience.others, interruption))
            listenerReading.start(budget: time.budget) { () throws(ReadError) in
                try table.use { (table) throws(ReadError) in try table.look(within: patience, range, at: now) }
            }
        }
        let startCPU = Clock.threadCPU.seconds
        guard let outcome = watch.outcome(of: listenerReading, for: .listeners, within: time.remaining) else { return }
        pace.note(look: outcome.cpuSeconds + Clock.threadCPU.seconds - startCPU)
        // A look that is late may be older than the report.
        guard let look = watch.take(outcome, of: .listeners), !outcome.isLate, var report = sample.ports.take() else {
            return
        }
        report.refresh(look.report)
        sample.ports = report
        // A socket that is only bound may take the port before the next reading of the table.
        if look.hasServiceVanished {
            boundDue = now
            readBoundSockets(at: now)
        }
    }

    private mutating func readTable(at now: Instant) {
        let startCPU = Clock.threadCPU.seconds
        let spent = readBoundSockets(at: now)
        let seconds = isFirstTick ? patience.table.first : patience.table.later
        // What takes that long is given up by itself, unless it hangs.
        let budget = seconds + 1
        let facts = NamespaceFacts(
            range: sample.range,
            ports: sample.portSysctls.ports,
            addresses: addresses,
            sysctls: sample.sysctls,
            udpPorts: sample.udpPorts,
            recycled: sample.counters?.recycled
        )
        tableStart = TableStart(moment: now, portSysctls: sample.portSysctls)
        let (table, bound, patience) = (table, bound, Patience(seconds: seconds, interruption))
        tableReading.start(budget: budget) { () throws(ReadError) in
            try table.use { (table) throws(ReadError) in
                try table.read(facts, bound: bound, within: patience, at: now)
            }
        }
        tableStart.cpuSeconds = spent + Clock.threadCPU.seconds - startCPU
        // There is no page yet that could be served meanwhile.
        takeTable(within: isFirstTick ? budget : self.patience.others)
        isFirstTick = false
    }

    /// Takes what the reading of the table that is under way has come to, if it is over.
    ///
    /// - Parameter seconds: the longest to wait; the reading goes on aside then.
    private mutating func takeTable(within seconds: Double = 0) {
        let startCPU = Clock.threadCPU.seconds
        guard let outcome = watch.outcome(of: tableReading, for: .socketTable, within: seconds) else {
            // Before it is late the rows of the last reading are shown.
            if watch.statuses[.socketTable]?.succeeded == false { (sample.ports, sample.readAt) = (nil, nil) }
            return
        }
        finishTable(outcome)
        pace.note(table: tableStart.cpuSeconds + outcome.cpuSeconds + Clock.threadCPU.seconds - startCPU)
        intervals.change(to: pace.interval, at: tableStart.moment)
        sample.interval = pace.interval
    }

    private mutating func finishTable(_ outcome: Outcome<TableAccount.Whole>) {
        let now = tableStart.moment
        let result = watch.take(outcome, of: .socketTable)
        sample.ports = result?.report
        reportedPortSysctls = tableStart.portSysctls
        if let result { note(result.source, because: result.obstacle) }
        // The next reading sees who has taken the port, if that is a socket that is only bound.
        if result?.hasServiceVanished == true { boundDue = now }
        joinCloses(at: now)
        sample.readAt = sample.ports == nil ? nil : (now, Clock.realtime.seconds - (Clock.now - now))
        watch.leftOut(result?.malformedRows ?? 0)
        nameDevices()
        sample.dialedPortsPeak = sample.ports?.dialedPorts.map { dialedPeak.note($0, at: now) }
    }

    /// Matches the closes that were traced with the rows of the reading.
    private mutating func joinCloses(at now: Instant) {
        guard closers != nil else { return }
        let report = sample.ports
        let closers = watch.reading(of: .who) { () throws(ReadError) -> CloserReport? in
            // After a reading of the table that failed there are no rows to match: the closes wait.
            guard let batch = try self.closers?.take(matching: report != nil), let report else { return nil }
            return table.use { $0.memory.join(batch, report, start: now) }
        }
        if let closers = closers ?? nil { sample.closers = closers }
        watch.add(cpuSeconds: self.closers?.spent() ?? 0, to: .who)
        if self.closers?.hidesProcesses == true, !saysHidden { log(.hidesProcesses) }
        saysHidden = self.closers?.hidesProcesses == true
    }

    /// Looks up the names of the interfaces that shown destinations are bound to.
    private mutating func nameDevices() {
        let devices = Set((sample.ports?.destinations?.lines ?? []).map(\.destination.device)).subtracting([0])
        sample.deviceNames = devices.reduce(into: [:]) { $0[$1] = InterfaceName.of($1) }
    }

    /// Says in the log where the table is read, when that changes, and why it is not read where it
    /// should be.
    private mutating func note(_ source: TableSource, because obstacle: ReadError?) {
        guard source != sample.source else { return }
        sample.source = source
        if source == .procfs {
            // Only sock_diag gives them.
            watch.retire(.listeners)
            watch.retire(.boundSockets)
        }
        log(.reads(source, because: obstacle))
    }

    /// Reads the sockets that are only bound: every minute, and more often where that takes no more
    /// than a five-thousandth of the time, or a five-hundredth while a service waits for its port,
    /// which one of them may hold.
    ///
    /// - Returns: the CPU time of the thread that read them, in seconds.
    @discardableResult
    private mutating func readBoundSockets(at now: Instant) -> Double {
        let state = table.useIfFree { ($0.reader.hasSockDiag, $0.memory.awaitsService) }
        guard let (hasSockDiag, awaitsService) = state, hasSockDiag, now >= boundDue else { return 0 }
        let (table, proc, patience) = (table, proc, Patience(seconds: patience.others, interruption))
        boundReading.start(budget: time.budget) { () throws(ReadError) in
            guard try proc.tellsBoundSockets() else { return nil }
            return try table.use { (table) throws(ReadError) in try table.reader.boundSockets(within: patience) }
        }
        guard let outcome = watch.outcome(of: boundReading, for: .boundSockets, within: time.remaining) else {
            return 0
        }
        bound = watch.take(outcome, of: .boundSockets) ?? nil
        boundDue = now + min(60, (awaitsService ? 500 : 5000) * outcome.duration)
        return outcome.cpuSeconds
    }

    /// Reads the ports of UDP sockets, where there are very many so seldom that it takes at most a
    /// hundredth of the time.
    private mutating func readUDPPorts(at now: Instant) {
        guard udpReading.isUnderWay || now >= udpDue else { return }
        let (proc, watched, seconds, interruption) = (proc, udpServices.watched, patience.table.later, interruption)
        udpReading.start(budget: time.budget) { () throws(ReadError) in
            try proc.udpSockets(watching: watched, Patience(seconds: seconds, interruption))
        }
        guard let outcome = watch.outcome(of: udpReading, for: .udp, within: time.remaining) else { return }
        let sockets = watch.take(outcome, of: .udp)
        sample.udpPorts = sockets?.ports
        sample.udpServices = sockets.map { udpServices.update($0.rows) }
        udpDue = now + pace.pause(of: .udp, costing: outcome.cpuSeconds)
    }

    /// Reads the local addresses, on a router with a million routes so seldom that it takes at most
    /// a hundredth of the time. While that takes long, those of before are kept.
    private mutating func readAddresses(at now: Instant) {
        guard addressReading.isUnderWay || now >= addressesDue else { return }
        let (reader, seconds, interruption) = (addressReader, patience.table.later, interruption)
        addressReading.start(budget: time.budget) { () throws(ReadError) in
            try reader.use { (reader) throws(ReadError) in
                try reader.read(within: Patience(seconds: seconds, interruption), at: now)
            }
        }
        guard let outcome = watch.outcome(of: addressReading, for: .localAddresses, within: time.remaining) else {
            return
        }
        addresses = watch.take(outcome, of: .localAddresses)
        let obstacle = addressReader.use { $0.obstacle }
        if let obstacle, !hasAddressObstacle { log(.readsAddressFiles(because: obstacle)) }
        hasAddressObstacle = obstacle != nil
        addressesDue = now + pace.pause(of: .localAddresses, costing: outcome.cpuSeconds)
    }
}

/// What a reading of the socket table was begun with.
private struct TableStart {
    var moment = Instant(nanoseconds: 0)
    /// What classifies its rows.
    var portSysctls = PortSysctls()
    /// The CPU time of what was read for it, in seconds.
    var cpuSeconds = 0.0
}
