import Aggregator
import KernelReaders
import Ports

/// Keeps how each collector fares, and says what is worth a line in the log: a failure once until it changes, and its
/// end.
struct CollectorWatch {
    private(set) var statuses: [Collector: CollectorStatus] = [:]
    private var failures: [Collector: ReadError] = [:]
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
        if statuses[collector] == nil { statuses[collector] = Self.fresh(collector) }
        let (start, startCPU) = (Clock.now, Clock.threadCPU.seconds)
        var value: Value?
        do {
            value = try read()
            succeeded(collector)
        } catch {
            failed(collector, error)
        }
        statuses[collector]?.duration = Clock.now - start
        statuses[collector]?.cpuSeconds += Clock.threadCPU.seconds - startCPU
        return value
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

    private mutating func succeeded(_ collector: Collector) {
        statuses[collector]?.succeeded = true
        statuses[collector]?.lastSuccess = Clock.realtime.seconds
        if failures.removeValue(forKey: collector) != nil { log(.recovered(collector)) }
    }

    private mutating func failed(_ collector: Collector, _ error: ReadError) {
        statuses[collector]?.succeeded = false
        statuses[collector]?.errors[error.reason.rawValue, default: 0] += 1
        if failures[collector] != error { log(.failed(collector, error)) }
        failures[collector] = error
    }
}
