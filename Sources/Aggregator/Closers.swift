package import Model

/// Who closed first: matches traced closes with the TIME_WAITs of this network namespace, and
/// counts them by program.
///
/// The trace is of the whole machine, and a close does not tell its network namespace. A close is
/// matched with one row that has the same ends. It waits while its connection is closing, and until
/// two readings that began after it have not seen it: a dump of the table may miss a row.
struct Closers: Sendable {
    /// Programs of which a service port has series.
    private static let mostOnPort = 3
    /// The most programs that are known by number.
    private static let mostPrograms = 4096

    private let seed = UInt64.random(in: .min ... .max)
    private var waiting: [ActiveClose] = []
    private var programs: [ProgramName] = []
    private var numbers: [ProgramName: UInt32] = [:]
    /// When the reading before started.
    private var before: Instant?
    private var lost: UInt64 = 0

    private var choice: StickyChoice<ProgramName>
    private var closes: [ProgramName: TimeWaitCounts] = [:]
    private var other = TimeWaitCounts()
    private var ports: [Port: (choice: StickyChoice<ProgramName>, closes: [ProgramName: Int])] = [:]
    private var failureChoice: StickyChoice<FailedCall>
    private var failures: [FailedCall: Int] = [:]
    private var otherFailures = 0
    private var failedBinds: [ProgramName: Int] = [:]
    private var (counted, foreign, unmatched): (UInt64, UInt64, UInt64) = (0, 0, 0)
    private var recent: RecentCloses

    /// - Parameter limit: how many programs have series of their own.
    init(limit: Int) {
        choice = StickyChoice(limit: limit)
        failureChoice = StickyChoice(limit: limit)
        recent = RecentCloses(limit: limit)
    }

    /// Takes in what was traced, and the rows of a reading.
    ///
    /// - Parameters:
    ///   - shown: the ports that have series.
    ///   - start: when the reading started; the batch was taken after it.
    mutating func join(_ batch: CloseBatch, _ rows: ClosingRows, shown: [Port], start: Instant) -> CloserReport {
        let numbers = batch.programs.map { number(of: $0) }
        var all = waiting
        all.reserveCapacity(all.count + batch.closes.count)
        for close in batch.closes {
            var close = close
            close.program = numbers[Int(close.program)]
            all.append(close)
        }
        var step = RecentCloses.Step()
        step.programs = match(all, rows, shown: Set(shown), start: start)
        step.failures = count(batch.failures, numbers, at: start)
        step.lost = batch.lost > lost ? batch.lost - lost : 0
        // The first reading is the baseline.
        if let before { recent.note(step, from: before, to: start) }
        for program in batch.failedBinds {
            let name = programs[Int(numbers[Int(program)])]
            if failedBinds[name] != nil || failedBinds.count < Self.mostPrograms { failedBinds[name, default: 0] += 1 }
        }
        lost = batch.lost
        before = start
        if programs.count > Self.mostPrograms { forgetPrograms() }
        return report
    }

    /// - Returns: the closes of each program that have their TIME_WAITs.
    private mutating func match(
        _ all: [ActiveClose],
        _ rows: ClosingRows,
        shown: Set<Port>,
        start: Instant
    ) -> [ProgramName: TimeWaitCounts] {
        var index = CloseIndex(all, seed: seed)
        var matched: [UInt32: TimeWaitCounts] = [:]
        var onPorts: [Port: [UInt32: Int]] = [:]
        var here: Set<Int32> = []
        for row in rows.new {
            guard let place = index.take(row) else { continue }
            let close = all[place]
            matched[close.program, default: TimeWaitCounts()][row.role, row.peer] += 1
            if let port = row.port, shown.contains(port) { onPorts[port, default: [:]][close.program, default: 0] += 1 }
            if close.home == .unknown { here.insert(close.process) }
            counted += 1
        }
        for ends in rows.closing { index.note(closing: ends) }
        waiting.removeAll(keepingCapacity: true)
        for (place, close) in all.enumerated() where !index.isTaken[place] {
            // One that began before the last reading has been looked for twice.
            if index.isClosing[place] || before.map({ close.time >= $0 }) ?? (close.time >= start) {
                waiting.append(close)
            } else if close.home == .here || close.home == .unknown && here.contains(close.process) {
                unmatched += 1
            } else {
                foreign += 1
            }
        }
        let named = Dictionary(uniqueKeysWithValues: matched.map { (programs[Int($0.key)], $0.value) })
        add(named, at: start)
        add(onPorts, shown: shown, at: start)
        return named
    }

    private mutating func add(_ named: [ProgramName: TimeWaitCounts], at now: Instant) {
        let removed = choice.note(named.map { ($0.key, $0.value.total) }, at: now)
        if let removed { closes[removed] = nil }
        for (name, counts) in named {
            if choice.contains(name) { closes[name, default: TimeWaitCounts()] += counts } else { other += counts }
        }
    }

    private mutating func add(_ onPorts: [Port: [UInt32: Int]], shown: Set<Port>, at now: Instant) {
        for port in ports.keys where !shown.contains(port) { ports[port] = nil }
        for (port, counts) in onPorts {
            var entry = ports[port] ?? (StickyChoice(limit: Self.mostOnPort), [:])
            ports[port] = nil
            let named = counts.map { (key: programs[Int($0.key)], count: $0.value) }
            if let removed = entry.choice.note(named, at: now) { entry.closes[removed] = nil }
            for (name, count) in named where entry.choice.contains(name) { entry.closes[name, default: 0] += count }
            ports[port] = entry
        }
    }

    /// Counts the failures of processes in this network namespace.
    ///
    /// - Returns: those that are new.
    private mutating func count(
        _ calls: [FailedConnect],
        _ numbers: [UInt32],
        at now: Instant
    ) -> [FailedCall: Int] {
        var counts: [FailedCall: Int] = [:]
        for call in calls where call.home == .here {
            let name = programs[Int(numbers[Int(call.program)])]
            counts[FailedCall(name, to: call.address, call.port), default: 0] += 1
        }
        let removed = failureChoice.note(counts.map { ($0.key, $0.value) }, at: now)
        if let removed { failures[removed] = nil }
        for (call, count) in counts {
            if failureChoice.contains(call) { failures[call, default: 0] += count } else { otherFailures += count }
        }
        return counts
    }

    private mutating func number(of name: ProgramName) -> UInt32 {
        if let number = numbers[name] { return number }
        let number = UInt32(programs.count)
        programs.append(name)
        numbers[name] = number
        return number
    }

    /// Keeps the programs of closes that wait.
    private mutating func forgetPrograms() {
        let old = programs
        programs.removeAll()
        numbers.removeAll()
        for index in waiting.indices { waiting[index].program = number(of: old[Int(waiting[index].program)]) }
    }

    private var report: CloserReport {
        var report = CloserReport()
        report.programs = closes.sorted { $0.key < $1.key }.map { .init(name: $0.key, closes: $0.value) }
        report.otherCloses = other
        report.ports = ports.sorted { $0.key < $1.key }.flatMap { port, entry in
            entry.closes.sorted { $0.key < $1.key }.map { .init(port: port, name: $0.key, closes: $0.value) }
        }
        report.failures = failures
        report.otherFailures = otherFailures
        report.failedBinds = failedBinds
        report.outcomes = [.counted: counted, .foreign: foreign, .unmatched: unmatched, .lost: lost]
        report.recent = recent
        return report
    }
}

extension Memory {
    /// Matches what was traced with the rows of the last reading; nil where closes are not traced.
    ///
    /// - Parameter batch: taken after the reading, so that it has the closes of all of its rows.
    package mutating func join(_ batch: CloseBatch, _ report: PortReport, start: Instant) -> CloserReport? {
        guard let rows = closingRows.take() else { return nil }
        return closers?.join(batch, rows, shown: report.ports.map(\.port), start: start)
    }
}
