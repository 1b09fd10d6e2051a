import Model
import Synchronization
import Testing

import class Foundation.Thread
import func Glibc.usleep

@testable import Aggregator

@Suite("The entry counters of TIME_WAIT")
struct ArrivalTests {
    private let listener = SocketRow.listen(.anyIPv4, 8080)

    /// TIME_WAITs of the service, by their cookies.
    private func rows(_ cookies: ClosedRange<UInt64>, remaining: UInt32 = 30_000) -> [SocketRow] {
        cookies.map { cookie in
            var row = SocketRow.socket(.timeWait, (.loopback, 8080), (.loopback, 33_000 + Port(cookie % 20_000)))
            row.cookie = cookie
            row.timerRemaining = remaining
            return row
        }
    }

    /// TIME_WAITs of the service without cookies, by their ages in seconds.
    private func rows(ages: [Double]) -> [SocketRow] {
        ages.enumerated().map { index, age in
            var row = SocketRow.socket(.timeWait, (.loopback, 8080), (.loopback, 33_000 + Port(index)))
            row.timerRemaining = UInt32(max(0, 60 - age) * 1000)
            return row
        }
    }

    private func memory(sockets: Int = 1_000_000, remembered: Int = 10) -> Memory {
        Memory(ports: 100, remembered: remembered, sockets: sockets)
    }

    @Test("Entry counters start at 0 and count each TIME_WAIT once by its cookie")
    func cookies() {
        var memory = memory()
        #expect(memory.report([listener] + rows(1...50)).ports.first?.entries?.serverLocal == 0)
        #expect(memory.report([listener] + rows(1...60), at: .after(5)).ports.first?.entries?.serverLocal == 10)
        #expect(memory.report([listener] + rows(1...60), at: .after(10)).ports.first?.entries?.serverLocal == 10)
        let report = memory.report([listener] + rows(55...100), at: .after(15))
        #expect(report.ports.first?.entries == PortTimeWait(serverLocal: 50, serverRemote: 0, clientLocal: 0))
        #expect(report.observed?[.server, .local] == 50)
        #expect(memory.report([listener], at: .after(20)).ports.first?.entries?.serverLocal == 50)
    }

    @Test("Entry counters count a TIME_WAIT once if the kernel returns its socket twice")
    func duplicates() {
        var memory = memory()
        _ = memory.report([listener] + rows(1...5))
        let report = memory.report([listener] + rows(1...8) + rows(4...8), at: .after(5))
        #expect(report.ports.first?.entries?.serverLocal == 3)
    }

    @Test("Entry counters without cookies find new TIME_WAITs by their age")
    func ages() {
        var memory = memory()
        #expect(memory.report([listener] + rows(ages: [1, 2, 3])).ports.first?.entries?.serverLocal == 0)
        // Before the last reading, in between, after the start of this one, and past its 60
        // seconds.
        let report = memory.report([listener] + rows(ages: [5.5, 7, 4.5, 0.5, 0.1, 61]), at: .after(5))
        #expect(report.ports.first?.entries?.serverLocal == 3)
        #expect(
            memory.report([listener] + rows(ages: [9, 5.5, 5.2]), at: .after(10)).ports.first?.entries?.serverLocal
                == 3
        )
    }

    @Test("Entry counters count each TIME_WAIT once if its age is off by up to 0.09 seconds")
    func waveringAges() throws {
        // 200 a second, read every second; each reading sees each beginning up to 0.09 s off.
        let rate = 200.0
        for seed in 1...5 {
            var generator = Generator(state: UInt64(seed))
            var memory = memory()
            var entries: PortTimeWait?
            for second in 1...20 {
                let now = Double(second)
                let rows = (0..<Int(rate * now)).map { number in
                    let age = now - Double(number) / rate + 0.09 * (2 * generator.unit() - 1)
                    return SocketRow.socket(
                        .timeWait,
                        (.own, 8080),
                        (.remote, 10_000 + Port(number)),
                        remaining: min(60, 60 - age)
                    )
                }
                entries = memory.report([listener] + rows, at: .after(now)).ports.first?.entries
            }
            // From the first reading to the last.
            #expect(abs(Double(try #require(entries).serverRemote) - 19 * rate) <= 0.09 * rate, "seed \(seed)")
        }
    }

    @Test("Entry counters compute the age of a TIME_WAIT from tcp_tw_timeout")
    func length() {
        for timeout in [5, 120] {
            let sysctls: SysctlValues = [.tcpTWReuse: 0, .tcpTimestamps: 1, .tcpTWTimeout: timeout]
            var memory = memory()
            let row = { (age: Double, port: Port) in
                SocketRow.socket(.timeWait, (.own, 8080), (.remote, 50_000 + port), remaining: Double(timeout) - age)
            }
            _ = memory.report([listener, row(1, 1)], sysctls: sysctls)
            let report = memory.report([listener, row(4, 2), row(3, 3)], sysctls: sysctls, at: .after(5))
            #expect(report.observed?[.server, .remote] == 2, "\(timeout)")
            // A listener is remembered as long as its TIME_WAITs may last.
            let gone = memory.report([row(4, 2)], sysctls: sysctls, at: .after(10))
            #expect(gone.timeWait?[.server, .remote] == 1)
            let later = memory.report([row(4, 2)], sysctls: sysctls, at: .after(Double(timeout) + 14))
            #expect(later.timeWait?[.server, .remote] == 1, "\(timeout)")
            let last = memory.report([row(4, 2)], sysctls: sysctls, at: .after(Double(timeout) + 16))
            #expect(last.timeWait?[.server, .remote] == 0, "\(timeout)")
        }
    }

    @Test(
        "Entry counters neither decrease nor count twice if the source changes to procfs and back"
    )
    func change() {
        var memory = memory()
        _ = memory.report([listener] + rows(1...10))
        #expect(memory.report([listener] + rows(1...20), at: .after(5)).observed?[.server, .local] == 10)
        // Over procfs: 3 that began since, and 20 older ones.
        let old = [Double](repeating: 20, count: 20)
        #expect(
            memory.report([listener] + rows(ages: old + [1, 2, 3]), at: .after(10)).observed?[.server, .local] == 13
        )
        // Over sock_diag again: the 3 of before, and 4 that began since.
        let three = rows(21...23, remaining: 60_000 - 6000)
        let four = rows(24...27, remaining: 60_000 - 1000)
        let old20 = rows(1...20, remaining: 30_000)
        #expect(memory.report([listener] + old20 + three + four, at: .after(15)).observed?[.server, .local] == 17)
        #expect(memory.report([listener] + old20 + rows(21...30), at: .after(20)).observed?[.server, .local] == 20)
    }

    @Test("Entry counters count each TIME_WAIT once after an incomplete reading")
    func unfinished() {
        var memory = memory()
        _ = memory.report([listener] + rows(1...10, remaining: 1000))
        _ = memory.report([listener] + rows(1...10, remaining: 1000), at: .after(5))
        let facts = NamespaceFacts(range: EphemeralRange(32_768, 60_999), addresses: LocalAddresses())
        var unfinished = Reading(facts, &memory, at: .after(10))
        unfinished.rows(([listener] + rows(11...15, remaining: 58_000)).span, readAt: .after(10))
        _ = consume unfinished
        let all = rows(1...10, remaining: 1000) + rows(11...20, remaining: 55_000)
        #expect(memory.report([listener] + all, at: .after(11)).observed?[.server, .local] == 10)
        #expect(memory.report([listener] + all + rows(21...21), at: .after(16)).observed?[.server, .local] == 11)
    }

    @Test("Entry counters catch up after readings without local addresses or ephemeral range")
    func unclassified() {
        var memory = memory()
        _ = memory.report([listener] + rows(1...10))
        #expect(memory.report([listener] + rows(1...20), addresses: nil, at: .after(5)).observed == nil)
        #expect(memory.report([listener] + rows(1...20), range: nil, at: .after(10)).observed == nil)
        #expect(memory.report([listener] + rows(1...30), at: .after(15)).observed?[.server, .local] == 20)
    }

    @Test("Entry counters leave out sockets above the limit, and the report counts those sockets")
    func limit() {
        var memory = memory(sockets: 100)
        #expect(memory.report([listener] + rows(1...100)).untracked == 0)
        let report = memory.report([listener] + rows(1...150), at: .after(5))
        #expect(report.untracked == 50 && report.observed?[.server, .local] == 0)
        #expect(memory.report([listener] + rows(101...140), at: .after(10)).observed?[.server, .local] == 40)
    }

    @Test("A socket that the kernel returns twice takes one place of the limit")
    func duplicateAndLimit() {
        var memory = memory(sockets: 10)
        let report = memory.report([listener] + rows(1...8) + rows(1...8) + rows(9...10))
        #expect(report.untracked == 0)
    }

    @Test("Entry counters recognise 150,000 cookies in one reading and cookies across 600 readings")
    func many() {
        var memory = memory()
        var expected = 0
        for reading in 0..<600 {
            let first = UInt64(reading * 70 + 1)
            let report = memory.report([listener] + rows(first...first + 999), at: .after(Double(reading)))
            expected += reading == 0 ? 0 : 70
            #expect(report.observed?[.server, .local] == expected)
        }
        let wave = memory.report([listener] + rows(1_000_000...1_150_000), at: .after(600))
        #expect(wave.observed?[.server, .local] == expected + 150_001)
        for reading in 1...3 {
            let report = memory.report([listener] + rows(1_150_000...1_150_010), at: .after(600 + Double(reading)))
            #expect(report.observed?[.server, .local] == expected + 150_001 + 10)
        }
    }

    @Test(
        "Entry counters recognise consecutive, distant and random cookies",
        arguments: [1, 2, 64, 65, 1024, 4096, 0]
    )
    func anyCookies(apart: UInt64) {
        var generator = SystemRandomNumberGenerator()
        let cookies = (1...3000).map { apart > 0 ? $0 * apart : UInt64.random(in: 1..<1 << 40, using: &generator) }
        let sockets = cookies.flatMap { rows($0...$0, remaining: 59_500) }
        // A little more each time, as tables are that grow.
        let counts = [500, 700, 716, 717, 1000, 3000]
        let observed = Mutex<[Int?]>([])
        let (before, listener) = (memory(), listener)
        // A table that is not made for such cookies looks for ever. The trait .timeLimit would
        // count the time for which the test waits for its turn, too: 100 seconds and more among the
        // others.
        let thread = Thread {
            var memory = before
            _ = memory.report([listener])
            for (reading, count) in counts.enumerated() {
                let report = memory.report([listener] + sockets.prefix(count), at: .after(Double(reading + 1)))
                observed.withLock { $0.append(report.observed?[.server, .local]) }
            }
        }
        thread.start()
        let deadline = ContinuousClock.now + .seconds(60)
        while !thread.isFinished, ContinuousClock.now < deadline { usleep(1_000) }
        #expect(thread.isFinished)
        #expect(observed.withLock { $0 } == counts.map { Set(cookies.prefix($0)).count }, "\(cookies)")
    }

    @Test("Entry counters of a returning service continue while its port is remembered")
    func remembered() {
        var memory = memory(remembered: 1)
        let other = SocketRow.listen(.anyIPv4, 9090)
        var onOther = SocketRow.socket(.timeWait, (.loopback, 9090), (.loopback, 33_000))
        onOther.cookie = 99
        _ = memory.report([listener, other])
        _ = memory.report([listener, other] + rows(1...5, remaining: 58_000), at: .after(5))
        #expect(memory.report([other], at: .after(10)).ports.first?.entries?.serverLocal == 5)
        // Both ports have counted, and are gone; one of them may be remembered, the one that was
        // there last.
        onOther.timerRemaining = 58_000
        _ = memory.report([other, onOther], at: .after(80))
        _ = memory.report([], at: .after(85))
        _ = memory.report([], at: .after(300))
        let lines = memory.report([listener, other], at: .after(305)).ports
        #expect(lines.first { $0.port == 8080 }?.entries?.serverLocal == 0)
        #expect(lines.first { $0.port == 9090 }?.entries?.serverLocal == 1)
    }
}
