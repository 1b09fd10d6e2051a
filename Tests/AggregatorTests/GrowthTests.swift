import Model
import Testing

import func Glibc.log

@testable import Aggregator

@Suite("The growth of live connections")
struct GrowthTests {
    /// Connections that come at random and last for a random time: how many there are at a moment.
    private struct Churn {
        private var generator: Generator
        private let rate: Double
        private let life: Double
        private var ends: [Double] = []
        private var next = 0.0

        /// - Parameters:
        ///   - rate: connections that begin in a second.
        ///   - life: how long they last in the mean, in seconds.
        init(rate: Double, life: Double, seed: UInt64) {
            generator = Generator(state: seed)
            (self.rate, self.life) = (rate, life)
            // As after a long time.
            let present = Int(rate * life)
            ends = (0..<present).map { _ in -life * log(generator.unit()) }
        }

        mutating func count(at time: Double) -> Int {
            while next <= time {
                ends.append(next - life * log(generator.unit()))
                next -= log(generator.unit()) / rate
            }
            ends.removeAll { $0 <= time }
            return ends.count
        }
    }

    /// The forecasts of a leak, one for each reading, as parts of the true time that is left; nil
    /// where none is seen.
    private func forecasts(
        rate: Double,
        ports: Int,
        interval: Double,
        beginning: Double = 0,
        until share: Double = 1,
        churn: Churn? = nil
    ) -> [(used: Double, ratio: Double?)] {
        var (growth, churn, results) = (Growth(), churn, [(used: Double, ratio: Double?)]())
        var time = 0.17
        while true {
            let leaked = max(0, time - beginning) * rate
            guard leaked < share * Double(ports) else { return results }
            let live = Int(leaked) + (churn?.count(at: time) ?? 0)
            growth.note(live, at: .after(time))
            let slope = growth.perSecond(left: ports - Int(leaked))
            let truth = (Double(ports) - leaked) / rate
            let forecast = (Double(ports) - leaked) / slope
            results.append((leaked / Double(ports), slope > 0 ? forecast / truth : nil))
            time += interval
        }
    }

    @Test(
        "The growth estimate finds a leak before it uses 13 % of the ports, within 10 %",
        arguments: [1.0, 2, 5, 10, 15, 30]
    )
    func leak(interval: Double) throws {
        for (rate, ports, beginning) in [
            (0.8, 60, 0.0), (0.8, 1000, 0), (0.8, 1000, 100), (20, 1000, 100), (60, 28_000, 60), (0.1, 2000, 60),
        ] {
            let all = forecasts(rate: rate, ports: ports, interval: interval, beginning: beginning, until: 0.9)
            #expect(all.allSatisfy { $0.used > 0 || $0.ratio == nil })
            let leaking = all.filter { $0.used > 0 }
            // The first of them may have come just after the leak began.
            for (index, (used, ratio)) in leaking.enumerated() where used >= 0.13 && index >= 3 {
                let ratio = try #require(ratio, "\(rate) into \(ports), at \(used)")
                #expect(abs(ratio - 1) < 0.1, "\(rate) into \(ports), at \(used): \(ratio)")
            }
        }
    }

    @Test(
        "The growth estimate finds a slow leak beside 40 short connections a second",
        arguments: [1.0, 5, 15]
    )
    func besideChurn(interval: Double) throws {
        for life in [0.05, 0.5] {
            let churn = Churn(rate: 40, life: life, seed: 7)
            let all = forecasts(
                rate: 2,
                ports: 2600,
                interval: interval,
                beginning: 60,
                until: 0.5,
                churn: churn
            )
            let late = all.filter { $0.used >= 0.1 }
            #expect(late.count > 20)
            for (used, ratio) in late {
                #expect(abs(try #require(ratio, "\(life) s, at \(used)") - 1) < 0.1, "\(life) s, at \(used)")
            }
        }
    }

    @Test(
        "The growth estimate is 0 for connections that only open and close",
        arguments: [1.0, 5, 15]
    )
    func noLeak(interval: Double) {
        for (rate, life) in [(40.0, 0.05), (40, 0.5), (40, 2), (40, 10), (5, 60)] {
            for seed in 1...2 {
                var churn = Churn(rate: rate, life: life, seed: UInt64(seed))
                var (growth, invented) = (Growth(), 0)
                let readings = Int(900 / interval)
                for reading in 1...readings {
                    let time = Double(reading) * interval
                    let live = churn.count(at: time)
                    growth.note(live, at: .after(time))
                    if growth.perSecond(left: 1000) > 0 { invented += 1 }
                }
                // The two or three first readings cannot know.
                #expect(invented <= readings / 500 + 1, "\(rate) a second for \(life) s: \(invented) of \(readings)")
            }
        }
    }

    @Test("The growth estimate is 0 after growth stops and after a pool opens at once")
    func ended() {
        var growth = Growth()
        for second in 0..<120 { growth.note(min(second, 60), at: .after(Double(second))) }
        #expect(growth.perSecond(left: 1000) == 0)
        var pool = Growth()
        for second in 0..<120 {
            pool.note(second < 30 ? 3 : 203, at: .after(Double(second)))
            #expect(pool.perSecond(left: 1000) == 0)
        }
    }
}

/// Random numbers that are the same each time: SplitMix64.
struct Generator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var number = state
        number = (number ^ number >> 30) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ number >> 27) &* 0x94D0_49BB_1331_11EB
        return number ^ number >> 31
    }

    /// A number above 0 and at most 1.
    mutating func unit() -> Double { Double((next() >> 11) + 1) / Double(UInt64(1) << 53) }
}
