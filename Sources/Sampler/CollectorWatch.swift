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
        reading(of: collector, isWhole: true, read)
    }

    private mutating func reading<Value>(
        of collector: Collector,
        isWhole: Bool,
        _ read: () throws(ReadError) -> Value
    ) -> Value? {
        if statuses[collector] == nil { statuses[collector] = Self.fresh(collector) }
        let (start, startCPU) = (Clock.now, Clock.threadCPU.seconds)
        var value: Value?
        do {
            value = try read()
            succeeded(collector, isWhole: isWhole)
        } catch {
            failed(collector, error)
        }
        statuses[collector]?.duration = Clock.now - start
        statuses[collector]?.cpuSeconds += Clock.threadCPU.seconds - startCPU
        return value
    }

    /// Does a reading of a collector whose parts stand alone: those that failed are counted, and
    /// logged once until they change.
    ///
    /// - Returns: what it gave; nil if all of it failed.
    mutating func partialReading<Value>(
        of collector: Collector,
        _ read: () throws(ReadError) -> Partial<Value>
    ) -> Value? {
        guard let partial = reading(of: collector, isWhole: false, read) else { return nil }
        for error in partial.failures { statuses[collector]?.errors[error.reason.rawValue, default: 0] += 1 }
        note(partial.failures, of: collector)
        return partial.value
    }

    /// Forgets a collector that is not read any more: what it last did is no news.
    mutating func forget(_ collector: Collector) {
        statuses[collector] = nil
        failures[collector] = nil
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
        statuses[collector]?.succeeded = false
        statuses[collector]?.errors[error.reason.rawValue, default: 0] += 1
        note([error], of: collector)
    }

    /// Logs the failures that the reading before did not have, or that there are none any more.
    private mutating func note(_ errors: [ReadError], of collector: Collector) {
        let before = failures[collector] ?? []
        for error in errors where !before.contains(error) { log(.failed(collector, error)) }
        if errors.isEmpty, !before.isEmpty { log(.recovered(collector)) }
        failures[collector] = errors
    }
}
