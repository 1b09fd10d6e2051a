import Aggregator
import KernelReaders
import Model

/// Keeps how each collector fares, and says what is worth a line in the log: a failure once until
/// it changes, and its end.
struct CollectorWatch {
    private(set) var statuses: [Collector: CollectorStatus] = [:]
    private var failures: [Collector: [ReadError]] = [:]
    private var hadMalformedRows = false
    private let log: @Sendable (SamplerEvent) -> Void

    init(log: @escaping @Sendable (SamplerEvent) -> Void) {
        self.log = log
    }

    /// The status of a collector before its first reading.
    private static func fresh(_ collector: Collector) -> CollectorStatus {
        let reasons = ReadError.Reason.allCases.map(\.rawValue)
        return CollectorStatus(reasons: collector == .socketTable ? reasons + [malformedRow] : reasons)
    }

    private static let malformedRow = "malformed_row"

    /// Does a reading of a collector.
    ///
    /// - Returns: what it gave; nil if it failed.
    mutating func reading<Value>(of collector: Collector, _ read: () throws(ReadError) -> Value) -> Value? {
        take(Outcome(of: read), of: collector)
    }

    /// Takes in a reading that was made elsewhere.
    ///
    /// - Returns: what it gave; nil if it failed.
    mutating func take<Value>(_ outcome: Outcome<Value>, of collector: Collector) -> Value? {
        take(outcome, of: collector, isWhole: true)
    }

    private mutating func take<Value>(_ outcome: Outcome<Value>, of collector: Collector, isWhole: Bool) -> Value? {
        if statuses[collector] == nil { statuses[collector] = Self.fresh(collector) }
        statuses[collector]?.isInUse = true
        var value: Value?
        switch outcome.result {
        case .success(let read):
            value = read
            // One that is late each time is said to be late once.
            succeeded(collector, isWhole: isWhole && !outcome.isLate)
        case .failure(let error) where outcome.isLate && error.reason == .timedOut: break
        case .failure(let error): failed(collector, error)
        }
        statuses[collector]?.duration = outcome.duration
        statuses[collector]?.cpuSeconds += outcome.cpuSeconds
        return value
    }

    /// Waits for the outcome of a reading aside, which `take` takes in.
    ///
    /// - Parameter seconds: the longest to wait.
    /// - Returns: nil while the reading goes on. Once it is late, that is a failure.
    mutating func outcome<Value>(
        of reading: Aside<Value>,
        for collector: Collector,
        within seconds: Double
    ) -> Outcome<Value>? {
        switch reading.take(within: seconds) {
        case .outcome(let outcome): return outcome
        case .underWay: return nil
        case .late(let budget):
            let error = ReadError.timedOut(
                collector.rawValue,
                "not read after \(Int(budget)) s; the reading goes on in the background"
            )
            if statuses[collector] == nil { statuses[collector] = Self.fresh(collector) }
            count(error, of: collector)
            if failures[collector] != [error] { log(.late(collector, error)) }
            failures[collector] = [error]
            return nil
        }
    }

    /// Takes in a reading whose parts stand alone: those that failed are counted, and logged once
    /// until they change.
    ///
    /// - Returns: what it gave; nil if all of it failed.
    mutating func take<Value>(partial outcome: Outcome<Partial<Value>>, of collector: Collector) -> Value? {
        guard let partial = take(outcome, of: collector, isWhole: false) else { return nil }
        for error in partial.failures { statuses[collector]?.errors[error.reason.rawValue, default: 0] += 1 }
        if !outcome.isLate { note(partial.failures, of: collector, isWhole: false) }
        return partial.value
    }

    /// Notes that a collector is not read any more: what it last did is no news. Its counters stay,
    /// and go on if it is read again.
    mutating func retire(_ collector: Collector) {
        statuses[collector]?.isInUse = false
        failures[collector] = nil
    }

    /// Adds CPU time that a collector has used on another thread.
    mutating func add(cpuSeconds: Double, to collector: Collector) {
        statuses[collector]?.cpuSeconds += cpuSeconds
    }

    /// Counts the rows of one reading of the socket table that were left out.
    mutating func leftOut(_ malformedRows: Int) {
        statuses[.socketTable]?.errors[Self.malformedRow, default: 0] += UInt64(malformedRows)
        if malformedRows > 0, !hadMalformedRows { log(.malformedRows(malformedRows)) }
        hadMalformedRows = malformedRows > 0
    }

    private mutating func succeeded(_ collector: Collector, isWhole: Bool) {
        statuses[collector]?.succeeded = true
        statuses[collector]?.lastSuccess = Clock.realtime.seconds
        if isWhole { note([], of: collector) }
    }

    /// The collectors of which a kernel, or what takes its place as gVisor does, may have nothing
    /// to read.
    private static let optional: Set<Collector> = [.localAddresses, .udp, .sockstat, .netstat]

    private mutating func failed(_ collector: Collector, _ error: ReadError) {
        if Self.optional.contains(collector), error.reason == .notFound, statuses[collector]?.lastSuccess == nil,
            statuses[collector]?.errors.values.allSatisfy({ $0 == 0 }) == true
        {
            if failures[collector] != [error] { log(.absent(collector, error)) }
            failures[collector] = [error]
            statuses[collector] = nil
            return
        }
        count(error, of: collector)
        note([error], of: collector)
    }

    private mutating func count(_ error: ReadError, of collector: Collector) {
        statuses[collector]?.succeeded = false
        statuses[collector]?.errors[error.reason.rawValue, default: 0] += 1
    }

    /// Logs the failures that the reading before did not have, or that there are none any more.
    private mutating func note(_ errors: [ReadError], of collector: Collector, isWhole: Bool = true) {
        let before = failures[collector] ?? []
        for error in errors where !before.contains(error) {
            log(isWhole ? .failed(collector, error) : .failedInPart(collector, error))
        }
        if errors.isEmpty, !before.isEmpty { log(.recovered(collector)) }
        failures[collector] = errors
    }
}
