import Aggregator
import KernelReaders
import Model

/// The collectors whose small files are read each second. Each has its own reading: one that hangs
/// holds up no other.
struct SmallFiles: Sendable {
    private let proc: ProcFilesystem
    private let portSysctls: Aside<Partial<PortSysctls>>
    private let sysctls: Aside<Partial<SysctlValues>>
    private let statistics: Aside<Partial<SocketStatistics>>
    private let counters: Aside<Partial<TimeWaitCounters>>
    private let process: Aside<ProcessFacts>

    private var bucketsPeak = RecentPeak(seconds: 60)
    private var meaning = CounterMeaning()
    private var changes = SysctlChanges()

    init(_ proc: ProcFilesystem, on thread: ReadingThread) {
        self.proc = proc
        portSysctls = Aside(on: thread)
        sysctls = Aside(on: thread)
        statistics = Aside(on: thread)
        counters = Aside(on: thread)
        process = Aside(on: thread)
    }

    /// Reads them. What is late is absent, and read aside.
    ///
    /// - Parameter time: how long all of them may take.
    /// - Returns: the CPU time of the threads that read them, in seconds.
    mutating func read(
        into sample: inout Sample,
        _ watch: inout CollectorWatch,
        within time: TickTime,
        at now: Instant
    ) -> Double {
        start(budget: time.budget)
        var spent = 0.0
        func part<Value>(_ collector: Collector, _ reading: Aside<Partial<Value>>) -> Value? {
            guard let outcome = watch.outcome(of: reading, for: collector, within: time.remaining) else { return nil }
            spent += outcome.cpuSeconds
            return watch.take(partial: outcome, of: collector)
        }
        sample.portSysctls = part(.ephemeralRange, portSysctls) ?? PortSysctls()
        sample.sysctls = part(.sysctl, sysctls)
        changes.note(sample.sysctls, sample.portSysctls, at: now)
        sample.sysctlChanges = changes.counts
        sample.latestSysctlChanges = changes.latest
        sample.statistics = part(.sockstat, statistics)
        sample.bucketsPeak = (sample.statistics?.timeWaitBuckets).map { bucketsPeak.note($0, at: now) }
        sample.counters = part(.netstat, counters)
        if let buckets = sample.statistics?.timeWaitBuckets, let counted = sample.counters?.counted {
            meaning.note(buckets: buckets, counted: counted)
        }
        sample.countedEvent = meaning.event
        sample.process = watch.outcome(of: process, for: .process, within: time.remaining).flatMap { outcome in
            spent += outcome.cpuSeconds
            return watch.take(outcome, of: .process)
        }
        return spent
    }

    /// Starts each reading that is not under way.
    private func start(budget: Double) {
        let proc = proc
        portSysctls.start(budget: budget) { () throws(ReadError) in try proc.portSysctls() }
        sysctls.start(budget: budget) { () throws(ReadError) in try proc.sysctlValues() }
        statistics.start(budget: budget) { () throws(ReadError) in try proc.socketStatistics() }
        counters.start(budget: budget) { () throws(ReadError) in try proc.timeWaitCounters() }
        process.start(budget: budget) { () throws(ReadError) in try ProcessFacts.reading() }
    }
}
