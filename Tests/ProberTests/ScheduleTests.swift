import Prober
import Testing

/// Draws the same numbers each time.
private struct Draws: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        // xorshift64*.
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

@Suite("The schedule of a target's probes")
struct ScheduleTests {
    private static func module(interval: Duration, jitter: Double = 0.1, backOff: Duration = .seconds(60))
        -> ProbeModule
    {
        var module = ProbeModule("test", .tcp)
        module.interval = interval
        module.jitter = jitter
        module.backOffLimit = backOff
        return module
    }

    @Test("Probes that succeed begin once in each interval, at most the jitter later", arguments: 1...20)
    func onTheGrid(seed: UInt64) {
        var draws = Draws(state: seed)
        var schedule = Schedule(Self.module(interval: .seconds(10)), from: .seconds(1000), using: &draws)
        let first = schedule.due
        #expect(first >= .seconds(1000) && first < .seconds(1010))
        for number in 1...200 {
            let missed = schedule.finish(isSuccess: true, at: schedule.due + .milliseconds(3), using: &draws)
            #expect(missed == 0)
            let begin = first + .seconds(10 * number)
            #expect(schedule.due >= begin && schedule.due <= begin + .seconds(1))
        }
    }

    @Test("The first probes of many targets are spread over the interval")
    func spread() {
        var draws = Draws(state: 7)
        let dues = (0..<1000).map { _ in
            Schedule(Self.module(interval: .seconds(10)), from: .zero, using: &draws).due
        }
        for second in 0..<10 {
            let share = dues.count { $0 >= .seconds(second) && $0 < .seconds(second + 1) }
            #expect(share > 50 && share < 150)
        }
    }

    @Test("A target that fails is probed after one interval, then after twice as long each time, up to the limit")
    func backOff() {
        var draws = Draws(state: 3)
        let module = Self.module(interval: .seconds(1), jitter: 0, backOff: .seconds(10))
        var schedule = Schedule(module, from: .zero, using: &draws)
        var waits: [Int] = []
        for _ in 0..<7 {
            let begun = schedule.due
            #expect(schedule.finish(isSuccess: false, at: begun, using: &draws) == 0)
            waits.append(Int(((schedule.due - begun) / .seconds(1)).rounded()))
        }
        #expect(waits == [1, 2, 4, 8, 10, 10, 10])
        let begun = schedule.due
        _ = schedule.finish(isSuccess: true, at: begun, using: &draws)
        #expect(schedule.due - begun == .seconds(1))
    }

    @Test("A limit below the interval turns the back-off off")
    func noBackOff() {
        var draws = Draws(state: 3)
        let module = Self.module(interval: .seconds(1), jitter: 0, backOff: .zero)
        var schedule = Schedule(module, from: .zero, using: &draws)
        for _ in 0..<5 {
            let begun = schedule.due
            _ = schedule.finish(isSuccess: false, at: begun, using: &draws)
            #expect(schedule.due - begun == .seconds(1))
        }
    }

    @Test("Intervals that pass while a probe runs are missed, and the grid stays")
    func missed() {
        var draws = Draws(state: 3)
        var schedule = Schedule(Self.module(interval: .seconds(1), jitter: 0), from: .zero, using: &draws)
        let first = schedule.due
        #expect(schedule.finish(isSuccess: true, at: first + .milliseconds(3500), using: &draws) == 3)
        #expect(schedule.due == first + .seconds(4))
        #expect(schedule.finish(isSuccess: true, at: first + .milliseconds(4001), using: &draws) == 0)
        #expect(schedule.due == first + .seconds(5))
    }
}
