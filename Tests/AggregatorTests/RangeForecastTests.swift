import Model
import Testing

@testable import Aggregator

@Suite("The forecast of the whole range")
struct RangeForecastTests {
    private let range = EphemeralRange(40_000, 40_999)

    /// The n-th port that bind() to port 0 takes: the half of the other parity first.
    private func bindPort(_ number: Int) -> Port {
        number < 500 ? 40_001 + 2 * Port(number) : 40_000 + 2 * Port(number - 500)
    }

    private func destination(_ number: Int) -> (IPAddress, Port) { (IPAddress(192, 0, 2, UInt8(number % 4)), 443) }

    private func seconds(_ report: PortReport, at now: Double) -> Double? {
        report.ephemeralExhaustion.map { max(0, $0 - .after(now)) }
    }

    @Test("The range forecast is 0 if sockets that bound before connecting hold every port")
    func usedUp() {
        var memory = Memory(ports: 10)
        let rows = (0..<1000).map {
            SocketRow.socket(.established, (.own, bindPort($0)), destination($0))
        }
        let report = memory.report(rows, range: range)
        #expect(seconds(report, at: 0) == 0)
        #expect(report.destinations?.worst == 250 && report.destinations?.exhaustion == nil)
        let one = memory.report(Array(rows.dropLast()), range: range, at: .after(5))
        #expect(seconds(one, at: 5) != 0)
    }

    @Test("The range forecast sees a leak of bound sockets in both parity halves")
    func leak() throws {
        var memory = Memory(ports: 10)
        var forecasts = 0
        for now in stride(from: 0.0, through: 90, by: 5) {
            let rows = (0..<Int(10 * now)).map {
                SocketRow.socket(.established, (.own, bindPort($0)), destination($0))
            }
            let seconds = seconds(memory.report(rows, range: range, at: .after(now)), at: now)
            guard now >= 15 else { continue }
            // The half is full at 50 s; of what goes on in the other one a few readings say nothing
            // yet.
            if (50..<75).contains(now) { continue }
            forecasts += 1
            #expect(abs(try #require(seconds, "at \(now)") + now - 100) < 10, "at \(now)")
        }
        #expect(forecasts > 10)
    }

    @Test(
        "The range forecast is finite only if TIME_WAITs of bound sockets exhaust the range"
    )
    func timeWaits() throws {
        for (rate, isEnough) in [(30.0, false), (12, true)] {
            for now in [5.0, 10, 14] {
                var memory = Memory(ports: 10)
                let rows = (0..<Int(rate * now)).map { number in
                    SocketRow.socket(
                        .timeWait,
                        (.own, bindPort(number)),
                        destination(number),
                        remaining: 60 - now + Double(number) / rate
                    )
                }
                let seconds = seconds(memory.report(rows, range: range, at: .after(now)), at: now)
                #expect((seconds == nil) == isEnough, "\(rate) a second, at \(now)")
                if let seconds { #expect(abs(seconds + now - 1000 / rate) < 3, "\(rate) a second, at \(now)") }
            }
        }
    }

    @Test("The range forecast is infinite for a proxy that shares ports between destinations")
    func proxy() {
        var generator = Generator(state: 5)
        var memory = Memory(ports: 10)
        let wide = EphemeralRange(32_768, 60_999)
        for now in stride(from: 0.0, through: 300, by: 15) {
            // 460 a second over 64 backends for a minute; connect() takes ports of one parity.
            let rows = (0..<28_000).map { number in
                SocketRow.socket(
                    .timeWait,
                    (.own, 32_768 + 2 * Port(generator.next() % 14_116)),
                    (IPAddress(192, 0, 2, UInt8(number % 64)), 443),
                    remaining: Double(generator.next() % 60_000) / 1000
                )
            }
            let report = memory.report(rows, range: wide, at: .after(now))
            #expect(seconds(report, at: now) == nil, "at \(now)")
            #expect((report.ephemeral?.timeWait ?? 0) > 10_000)
        }
    }

    /// The n-th port that connect() takes: the half of the first port's parity first.
    private func connectPort(_ number: Int) -> Port {
        number < 500 ? 40_000 + 2 * Port(number) : 40_001 + 2 * Port(number - 500)
    }

    @Test("The range forecast is infinite if a single destination uses both parity halves")
    func oneDestination() {
        for state in [TCPState.established, .timeWait] {
            var memory = Memory(ports: 10)
            for now in stride(from: 0.0, through: 55, by: 5) {
                let rows = (0..<min(1000, Int(20 * now))).map { number in
                    SocketRow.socket(
                        state,
                        (.own, connectPort(number)),
                        destination(0),
                        remaining: 60 - now + Double(number) / 20
                    )
                }
                let report = memory.report(rows, range: range, at: .after(now))
                #expect(seconds(report, at: now) == nil, "\(state) at \(now)")
                if now >= 50 { #expect(report.destinations?.exhaustion == .after(now)) }
            }
        }
    }

    @Test("The range forecast stays even while bound sockets move to the other parity half")
    func otherHalf() throws {
        var memory = Memory(ports: 10)
        for now in stride(from: 0.0, through: 99, by: 1) {
            let rows = (0..<Int(10 * now)).map {
                SocketRow.socket(.established, (.own, bindPort($0)), destination($0))
            }
            let seconds = seconds(memory.report(rows, range: range, at: .after(now)), at: now)
            guard now >= 20 else { continue }
            #expect(abs(try #require(seconds, "at \(now)") + now - 100) < 5, "at \(now)")
        }
    }
}
