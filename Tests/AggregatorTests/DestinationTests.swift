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
