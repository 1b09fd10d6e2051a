import Model
import Testing

@testable import KernelReaders
@testable import Sampler

@Suite("The state of the collectors")
struct CollectorWatchTests {
    /// What can happen to a collector.
    private enum Event: CaseIterable {
        case success
        case partialFailure
        case failure
        case malformedRows
        case retirement
    }

    @Test(
        "No counter of a collector falls or vanishes, whatever happens in whatever order",
        arguments: 0..<40 as Range<UInt64>
    )
    func counters(seed: UInt64) {
        var random = SeededNumbers(seed)
        var watch = CollectorWatch { _ in }
        var before: [Collector: CollectorStatus] = [:]
        for _ in 0..<300 {
            let collector = [Collector.listeners, .boundSockets, .socketTable, .sockstat].randomElement(using: &random)!
            let error = ReadError.malformed("/proc/net/somewhere", "nothing")
            switch Event.allCases.randomElement(using: &random)! {
            case .success: _ = watch.reading(of: collector) { 1 }
            case .partialFailure:
                _ = watch.take(partial: Outcome { Partial(value: 1, failures: [error]) }, of: collector)
            case .failure: _ = watch.reading(of: collector) { () throws(ReadError) -> Int in throw error }
            case .malformedRows:
                _ = watch.reading(of: .socketTable) { 1 }
                watch.leftOut(3)
            case .retirement: watch.retire(collector)
            }
            for (collector, was) in before {
                let status = watch.statuses[collector]
                #expect(status.map { $0.cpuSeconds >= was.cpuSeconds } == true, "\(collector)")
                for (reason, count) in was.errors { #expect(status?.errors[reason].map { $0 >= count } == true) }
            }
            before = watch.statuses
        }
        #expect(before.count == 4)
    }

    @Test("A collector that is not read any more keeps its counters and nothing else")
    func retirement() {
        var watch = CollectorWatch { _ in }
        let error = ReadError.malformed("/proc/net/somewhere", "nothing")
        for _ in 0..<3 { _ = watch.reading(of: .listeners) { () throws(ReadError) -> Int in throw error } }
        watch.retire(.listeners)
        #expect(watch.statuses[.listeners]?.isInUse == false)
        #expect(watch.statuses[.listeners]?.errors["malformed"] == 3)
        _ = watch.reading(of: .listeners) { 1 }
        #expect(watch.statuses[.listeners]?.isInUse == true)
        #expect(watch.statuses[.listeners]?.errors["malformed"] == 3)
    }
}

/// Numbers that follow from a seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var number = state
        number = (number ^ number >> 30) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ number >> 27) &* 0x94D0_49BB_1331_11EB
        return number ^ number >> 31
    }
}
