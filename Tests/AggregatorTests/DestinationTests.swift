import Model
import Testing

@testable import Aggregator

@Suite("The ports used per destination")
struct DestinationTests {
    private let range = EphemeralRange(40_000, 40_999)
    private let here = IPAddress(10, 9, 9, 1)

    private func timeWait(_ port: Port, to address: IPAddress = .remote, _ remaining: Double = 30) -> SocketRow {
        .socket(.timeWait, (here, port), (address, 443), remaining: remaining)
    }

    @Test("A report counts ports by state per destination and finds the maximum without a line")
    func states() throws {
        var memory = Memory(ports: 10)
        let report = memory.report(
            (40_000..<40_060).map { timeWait($0) }
                + [
                    .socket(.established, (here, 40_100), (.remote, 443)),
                    .socket(.synSent, (here, 40_101), (.remote, 443)),
                    .socket(.finWait2, (here, 40_102), (.remote, 443), isMiniSocket: true),
                    .socket(.established, (here, 40_100), (.remote, 80)),
                    .socket(.timeWait, (here, 39_000), (.remote, 443), remaining: 30),
                ],
            range: range
        )
        let destinations = try #require(report.destinations)
        let destination = Destination(source: here, address: .remote, port: 443)
        #expect(destinations.lines == [DestinationLine(destination: destination, live: 3, timeWait: 60, reusable: 0)])
        #expect(destinations.worst == 63 && destinations.count == 2 && destinations.omitted == 1)
        #expect(!destinations.isEstimated)
    }

    @Test(
        "Reusable ports follow the conditions of tcp_twsk_unique()",
        arguments: [
            (mode: 0, timestamps: 1, delay: 1000, loopback: 0, own: 0), (1, 1, 1000, 2, 2), (2, 1, 1000, 2, 0),
            (1, 0, 1000, 0, 0), (2, 0, 1000, 0, 0), (1, 1, 5000, 1, 1), (1, 1, 60_000, 0, 0), (1, 1, -1, 1, 1),
        ]
    )
    func reuse(mode: Int, timestamps: Int, delay: Int, loopback: Int, own: Int) throws {
        var sysctls: SysctlValues = [.tcpTWReuse: mode, .tcpTimestamps: timestamps]
        // Before Linux 6.14 there is none.
        if delay >= 0 { sysctls[.tcpTWReuseDelay] = delay }
        var memory = Memory(ports: 10)
        let ages = [0.5, 1.5, 20]
        let rows = ages.enumerated().flatMap { index, age -> [SocketRow] in
            let port = Port(40_000 + index)
            return [
                .socket(.timeWait, (.loopback, port), (.loopback, 443), remaining: 60 - age),
                timeWait(port, to: here, 60 - age),
            ]
        }
        let report = memory.report(rows, range: EphemeralRange(40_000, 40_009), sysctls: sysctls)
        let lines = try #require(report.destinations).lines
        // With every one reusable a destination uses nothing, and has no line.
        func reusable(_ address: IPAddress) -> Int? {
            lines.first { $0.destination.address == address }.map { $0.reusable }
        }
        #expect(reusable(.loopback) == loopback && reusable(here) == own)
    }

    @Test("Ports to a remote host are reusable only after evidence that it uses TCP timestamps")
    func remoteReuse() throws {
        let sysctls: SysctlValues = [.tcpTWReuse: 1, .tcpTimestamps: 1, .tcpTWReuseDelay: 1000]
        let rows = (40_000..<40_100).map { timeWait($0, 30) }
        let live = SocketRow.socket(.established, (here, 40_200), (.remote, 443), cookie: 7)
        func used(_ report: PortReport) -> [Int] {
            report.destinations?.lines.flatMap { [$0.live, $0.timeWait, $0.reusable] } ?? []
        }
        for hasTimestamps in [true, false] {
            var memory = Memory(ports: 10)
            let unknown = memory.report(rows + [live], range: range, sysctls: sysctls)
            #expect(used(unknown) == [1, 100, 0], "what is not known counts as used")
            let question = try #require(memory.questions.first)
            #expect(question.localPort == 40_200 && question.cookie == 7)
            memory.note(question, hasTimestamps: hasTimestamps)
            let known = memory.report(rows + [live], range: range, sysctls: sysctls, at: .after(5))
            #expect(used(known) == (hasTimestamps ? [1, 0, 100] : [1, 100, 0]))
            #expect(memory.questions.isEmpty)
        }
        // Without sock_diag there is no cookie, and nobody to ask.
        let silent = SocketRow.socket(.established, (here, 40_200), (.remote, 443))
        for (recycled, isSeen) in [(UInt64(1), true), (0, false)] {
            var memory = Memory(ports: 10)
            for seconds in [0.0, 5] {
                _ = memory.report(rows + [silent], range: range, sysctls: sysctls, at: .after(seconds))
            }
            #expect(memory.questions.isEmpty)
            // A new connection has the tuple of a TIME_WAIT.
            let taken = rows.dropFirst() + [silent, .socket(.established, (here, 40_000), (.remote, 443))]
            for seconds in [10.0, 15] {
                let report = memory.report(
                    Array(taken),
                    range: range,
                    sysctls: sysctls,
                    recycled: recycled,
                    at: .after(seconds)
                )
                #expect(used(report) == (isSeen && seconds == 15 ? [2, 0, 99] : [2, 99, 0]))
            }
        }
    }

    @Test(
        "An address on two interfaces is two destinations, and foreign sources have no destination"
    )
    func devices() throws {
        var memory = Memory(ports: 10)
        let peer = IPAddress(high: 0xFE80 << 48, low: 1)
        let source = IPAddress(high: 0xFE80 << 48, low: 2)
        let rows = [UInt32(2), 3].flatMap { device in
            (40_000..<40_060).map {
                SocketRow.socket(.established, (source, $0), (peer, 443), device: device)
            }
        }
        let foreign = (40_100..<40_140).map {
            SocketRow.socket(.established, (IPAddress(203, 0, 113, 1), $0), (.remote, 443))
        }
        let report = memory.report(
            rows + foreign,
            range: range,
            addresses: LocalAddresses([.init(.own), .init(source)])
        )
        let destinations = try #require(report.destinations)
        #expect(destinations.count == 2 && destinations.worst == 60)
        #expect(destinations.lines.map(\.destination.device) == [2, 3])
        #expect(report.ephemeral?.established == 60)
    }

    @Test(
        "The destination report is absent if the reuse sysctls or the ephemeral range are unknown"
    )
    func absent() {
        var memory = Memory(ports: 10)
        #expect(memory.report([timeWait(40_000)], range: range, sysctls: nil).destinations == nil)
        #expect(memory.report([timeWait(40_000)], range: nil).destinations == nil)
    }

    @Test("A destination gets a line at 5 % and loses it after five minutes below 2 %")
    func choice() {
        var memory = Memory(ports: 10)
        func lines(_ count: Int, at seconds: Double) -> [Int] {
            let rows = (0..<count).map { timeWait(40_000 + Port($0)) }
            return memory.report(rows, range: range, at: .after(seconds)).destinations?.lines.map(\.timeWait) ?? []
        }
        #expect(lines(49, at: 0) == [])
        #expect(lines(50, at: 5) == [50])
        #expect(lines(20, at: 10) == [20])
        #expect(lines(0, at: 15) == [0])
        #expect(lines(20, at: 200) == [20], "2 % begins the five minutes anew")
        #expect(lines(19, at: 300) == [19])
        #expect(lines(19, at: 599) == [19])
        #expect(lines(19, at: 600) == [])
    }

    @Test("The largest destinations get lines and keep them beside larger later destinations")
    func limit() {
        var settings = AccountingSettings()
        settings.destinationsLimit = 2
        var memory = Memory(settings)
        func ports(_ uses: [Int], at seconds: Double) -> DestinationReport? {
            let rows = uses.enumerated().flatMap { index, count in
                (0..<count).map { timeWait(40_000 + Port($0), to: IPAddress(192, 0, 2, UInt8(index))) }
            }
            return memory.report(rows, range: range, at: .after(seconds)).destinations
        }
        #expect(ports([60, 80, 100], at: 0)?.lines.map(\.timeWait) == [80, 100])
        let later = ports([900, 80, 30], at: 5)
        #expect(later?.lines.map(\.timeWait) == [80, 30])
        #expect(later?.worst == 900 && later?.omitted == 1)
    }

    @Test(
        "The scan finds the top destinations among 200,000 others, exactly from reading 2 on"
    )
    func scan() throws {
        var memory = Memory(ports: 10)
        let wide = EphemeralRange(32_768, 60_999)
        // The true top three come last, when every place has been taken.
        let random = (0..<200_000).map { number in
            let address = IPAddress(v4: 0x0A00_0000 | UInt32(number) &* 2_654_435_761 >> 8)
            return SocketRow.socket(.timeWait, (here, 40_000 + Port(number % 10_000)), (address, 443), remaining: 30)
        }
        let distinct = Set(random.map { Destination($0) }).count
        let top = [3000, 2500, 2000].enumerated().flatMap { index, count in
            (0..<count).map { timeWait(33_000 + Port($0), to: IPAddress(192, 0, 2, UInt8(index))) }
        }
        for second in [0.0, 5] {
            let report = try #require(
                memory.report(random + top, range: wide, at: .after(second)).destinations
            )
            let used = report.lines.map(\.timeWait)
            #expect(report.lines.map(\.destination.address.low).map { $0 & 0xFF } == [0, 1, 2])
            #expect(report.isEstimated)
            #expect(abs(report.count - distinct - 3) < distinct / 100)
            // The sketch is never too low, and 17 too high at most.
            for (estimate, truth) in zip(used, [3000, 2500, 2000]) {
                #expect(second == 0 ? (truth...truth + 17).contains(estimate) : estimate == truth)
            }
        }
        let after = try #require(memory.report(top, range: wide, at: .after(10)).destinations)
        #expect(!after.isEstimated && after.count == 3 && after.worst == 3000)
    }
}

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
