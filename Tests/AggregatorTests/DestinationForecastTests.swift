import Model
import Testing

@testable import Aggregator

@Suite("The forecast of a destination")
struct ForecastTests {
    private let range = EphemeralRange(40_000, 40_999)

    /// The rows of a table in which `rate` TIME_WAITs a second have begun for `seconds`, none
    /// reused, and `live` connections stay.
    private func rows(
        _ rate: Double,
        for seconds: Double,
        live: Int = 0,
        to address: IPAddress = .remote
    ) -> [SocketRow] {
        let born = Int(rate * seconds)
        let timeWaits = (0..<born).compactMap { number -> SocketRow? in
            let age = seconds - Double(number) / rate
            guard age < 61 else { return nil }
            let port = Port(40_000 + number % 1000)
            return .socket(.timeWait, (.own, port), (address, 443), remaining: max(0, 60 - age))
        }
        let connections = (0..<live).map { SocketRow.socket(.established, (.own, 40_999 - Port($0)), (address, 443)) }
        return timeWaits + connections
    }

    private func remaining(_ report: PortReport, at now: Double) -> Double? {
        report.destinations?.exhaustion.map { $0 - .after(now) }
    }

    @Test(
        "The forecast for 30 connections a second on 1000 ports is right from second 3 on",
        arguments: [3.0, 5, 10, 20, 30]
    )
    func constant(now: Double) throws {
        var memory = Memory(ports: 10)
        let seconds = try #require(
            remaining(memory.report(rows(30, for: now), range: range, at: .after(now)), at: now)
        )
        #expect(abs(now + seconds - 1000.0 / 30) < 0.05 * 1000 / 30)
    }

    @Test(
        "The forecast for 12 connections a second on 1000 ports is infinite",
        arguments: [3.0, 5, 10, 20, 30, 60, 100]
    )
    func never(now: Double) {
        var memory = Memory(ports: 10)
        #expect(remaining(memory.report(rows(12, for: now), range: range, at: .after(now)), at: now) == nil)
    }

    @Test("The forecast includes a leak of live connections with and without TIME_WAITs")
    func leak() throws {
        for (rate, reuse) in [(0.0, 0), (5, 0), (5, 1)] {
            var memory = Memory(ports: 10)
            var forecasts: [Double] = []
            for now in stride(from: 0.0, through: 20, by: 5) {
                let address: IPAddress = reuse == 0 ? .remote : .own
                let rows = rows(max(rate, 0.01), for: now, live: Int(20 * now), to: address)
                let sysctls: SysctlValues = [.tcpTWReuse: reuse, .tcpTimestamps: 1]
                let report = memory.report(rows, range: range, sysctls: sysctls, at: .after(now))
                if let seconds = remaining(report, at: now) { forecasts.append(now + seconds) }
            }
            let truth = 1000 / (20 + (reuse == 0 ? rate : 0))
            #expect(forecasts.count == 3, "from the third reading on")
            for forecast in forecasts { #expect(abs(forecast - truth) < 0.05 * truth, "\(rate) \(reuse)") }
        }
    }

    @Test("The forecast does not treat short connections as a leak")
    func noLeak() {
        var memory = Memory(ports: 10)
        for (index, live) in [3, 9, 2, 8, 12, 4, 9, 11, 3, 8].enumerated() {
            let now = Double(index)
            let report = memory.report(rows(0.01, for: now, live: live), range: range, at: .after(now))
            if index > 2 { #expect(remaining(report, at: now) == nil) }
        }
    }

    @Test(
        "The forecast uses tcp_tw_reuse_delay instead of the length of TIME_WAIT",
        arguments: [1.0, 5, 20, 30]
    )
    func reused(delay: Double) throws {
        var memory = Memory(ports: 10)
        let sysctls: SysctlValues = [.tcpTWReuse: 1, .tcpTimestamps: 1, .tcpTWReuseDelay: Int(delay * 1000)]
        // 6 a second to an own address: 100 ports are enough for a delay of 16.7 s.
        let hundred = EphemeralRange(40_000, 40_099)
        let now = 10.0
        let rows = (0..<60).map { number in
            SocketRow.socket(
                .timeWait,
                (.own, 40_000 + Port(number)),
                (.own, 443),
                remaining: 60 - now + Double(number) / 6
            )
        }
        let report = memory.report(rows, range: hundred, sysctls: sysctls, at: .after(now))
        let seconds = remaining(report, at: now)
        if delay * 6 < 100 {
            #expect(seconds == nil)
        } else {
            #expect(abs(try #require(seconds) + now - 100.0 / 6) < 0.7)
        }
        #expect(abs(Double(report.destinations?.worst ?? 0) - min(60, 6 * delay)) <= 1)
    }

    @Test("The forecast uses tcp_tw_timeout as the length of TIME_WAIT")
    func shortTimeWait() throws {
        for (timeout, isEnough) in [(20, true), (40, false), (600, false)] {
            var memory = Memory(ports: 10)
            let sysctls: SysctlValues = [.tcpTWReuse: 0, .tcpTimestamps: 1, .tcpTWTimeout: timeout]
            // 30 a second for ten seconds.
            let rows = (0..<300).map { number in
                SocketRow.socket(
                    .timeWait,
                    (.own, 40_000 + Port(number)),
                    (.remote, 443),
                    remaining: Double(timeout) - 10 + Double(number) / 30
                )
            }
            let report = memory.report(rows, range: range, sysctls: sysctls, at: .after(10))
            let seconds = remaining(report, at: 10)
            #expect((seconds == nil) == isEnough, "\(timeout)")
            if let seconds { #expect(abs(seconds - 700.0 / 30) < 1, "\(timeout)") }
        }
    }

    @Test("The forecast is 0 if only the first port of an odd-sized range is free")
    func odd() throws {
        let odd = EphemeralRange(41_001, 41_199)
        func isOver(_ ports: [Port], _ range: EphemeralRange) -> Bool {
            var memory = Memory(ports: 10)
            let rows = ports.map { SocketRow.socket(.established, (.own, $0), (.remote, 443)) }
            return remaining(memory.report(rows, range: range), at: 0).map { $0 <= 0 } ?? false
        }
        #expect(isOver(Array(41_002...41_199), odd))
        #expect(!isOver(Array(41_001...41_198), odd), "the last one is found")
        #expect(!isOver(Array(41_002...41_198), odd))
        #expect(!isOver(Array(41_002...41_199), EphemeralRange(41_000, 41_199)))
        let reserved = EphemeralRange(41_001, 41_199, reserved: [41_001])
        #expect(!isOver(Array(41_002...41_198), reserved), "it is not offered")
    }

    @Test("Two TIME_WAITs are no rate and three are one", arguments: [(2.0, true), (3, false)])
    func leastRate(rate: Double, isInfinite: Bool) {
        var memory = Memory(ports: 10)
        let report = memory.report(rows(rate, for: 1), range: EphemeralRange(40_000, 40_009), at: .after(1))
        #expect((remaining(report, at: 1) == nil) == isInfinite)
    }

    @Test("The forecast is 0 if no port is usable and infinite if no port is used")
    func ends() throws {
        var memory = Memory(ports: 10)
        let ten = EphemeralRange(40_000, 40_009)
        let full = memory.report(rows(10, for: 1), range: ten, at: .after(1))
        #expect(try #require(remaining(full, at: 1)) <= 0)
        let reserved = EphemeralRange(40_000, 40_001, reserved: [40_000, 40_001])
        #expect(try #require(remaining(memory.report([], range: reserved, at: .after(2)), at: 2)) <= 0)
        #expect(remaining(memory.report([], range: ten, at: .after(3)), at: 3) == nil)
    }

    @Test("The forecast stays below 10 seconds during a constant outage")
    func constantOutage() throws {
        var memory = Memory(ports: 10)
        let range = EphemeralRange(40_000, 40_999)
        var forecasts: [Double?] = []
        // The port number N began at a moment of its own, and begins again 60 s later; some
        // readings find a few free.
        for (reading, free) in [0, 13, 63, 0, 30, 50, 100].enumerated() {
            let now = 5 * Double(reading)
            let rows = (free..<1000).map { number in
                let age = (now + Double(number) * 0.06).truncatingRemainder(dividingBy: 60)
                return SocketRow.socket(
                    .timeWait,
                    (.own, 40_000 + Port(number)),
                    (IPAddress(192, 0, 2, 1), 443),
                    remaining: 60 - age
                )
            }
            let report = memory.report(rows, range: range, at: .after(now))
            forecasts.append(report.destinations?.exhaustion.map { $0 - .after(now) })
        }
        #expect(forecasts.allSatisfy { $0.map { $0 < 10 } ?? false }, "\(forecasts)")
    }
}
