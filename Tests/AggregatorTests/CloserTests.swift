import Model
import Testing

@testable import Aggregator

/// Generated traffic: each close has its row, and knows whose it is.
@Suite("The match of traced closes with TIME_WAITs")
struct CloserTests {
    private static let loopback = IPAddress(127, 0, 0, 1)

    /// A machine with two namespaces, of which one is read every five seconds.
    private struct Machine {
        private var memory: Memory
        private var rows: [SocketRow] = []
        private var batch = CloseBatch()
        private var cookie: UInt64 = 0
        private(set) var now = 0.0

        init(limit: Int = 20) {
            var settings = AccountingSettings()
            settings.closersLimit = limit
            memory = Memory(settings)
        }

        mutating func pass(_ seconds: Double) { now += seconds }

        /// A client on a port closes first.
        mutating func close(
            _ name: String,
            from port: Port,
            to server: Port = 9090,
            home: ProcessHome = .unknown,
            isHere: Bool,
            state: TCPState = .timeWait
        ) {
            let ends = ConnectionEnds(local: (CloserTests.loopback, port), remote: (CloserTests.loopback, server))
            let place = batch.programs.firstIndex { $0.process == name } ?? batch.programs.count
            if place == batch.programs.count { batch.programs.append(ProgramName(process: name)) }
            let process = Int32(name.unicodeScalars.reduce(7) { ($0 * 31 + Int($1.value)) % 30_000 })
            batch.closes.append(
                ActiveClose(ends, at: .after(now), program: UInt32(place), process: process, home: home)
            )
            guard isHere else { return }
            cookie += 1
            rows.removeAll { $0.localPort == port && $0.remotePort == server }
            rows.append(
                .socket(
                    state,
                    (CloserTests.loopback, port),
                    (CloserTests.loopback, server),
                    remaining: state == .timeWait ? now + 60 : 0,
                    cookie: cookie
                )
            )
        }

        /// The other end answers: what was closing is in TIME_WAIT.
        mutating func finish(_ port: Port) {
            for index in rows.indices where rows[index].localPort == port {
                rows[index] = .socket(
                    .timeWait,
                    (rows[index].localAddress, port),
                    (rows[index].remoteAddress, rows[index].remotePort),
                    remaining: now + 60,
                    cookie: rows[index].cookie
                )
            }
        }

        /// The row ends early, as by a late RST.
        mutating func end(_ port: Port) { rows.removeAll { $0.localPort == port } }

        mutating func fail(_ name: String, home: ProcessHome, times: Int = 1) {
            batch.programs.append(ProgramName(process: name))
            for _ in 0..<times {
                batch.failures.append(
                    FailedConnect(to: .remote, 443, program: UInt32(batch.programs.count - 1), home: home)
                )
            }
        }

        /// A reading of the table, whose TIME_WAITs of 60 s ago have ended.
        mutating func read() throws -> (closers: CloserReport, observed: Int) {
            let now = now
            // What follows begins after the reading.
            defer { pass(0.5) }
            rows.removeAll { $0.state == .timeWait && Double($0.timerRemaining) / 1000 <= now }
            var table: [SocketRow] = [.listen(CloserTests.loopback, 9090)]
            for row in rows {
                var row = row
                // It was stored with the moment of its end.
                if row.state == .timeWait { row.timerRemaining -= UInt32(now * 1000) }
                table.append(row)
            }
            let report = memory.report(table, at: .after(now))
            let observed = try #require(report.observed)
            let joined = memory.join(batch, report, start: .after(now))
            let closers = try #require(joined)
            batch = CloseBatch()
            return (closers, observed.total(.local) + observed.total(.remote))
        }
    }

    private func count(_ report: CloserReport, _ name: String) -> Int {
        report.programs.filter { $0.name.process == name }
            .reduce(0) { $0 + $1.closes.total(.local) + $1.closes.total(.remote) }
    }

    @Test("The counts by name are exact, and add up to the arrivals")
    func exact() throws {
        var machine = Machine()
        _ = try machine.read()
        var truth: [String: Int] = [:]
        for port in 30_000..<32_000 {
            let name = "program-\(Int.random(in: 0..<5))"
            truth[name, default: 0] += 1
            machine.close(name, from: Port(port), isHere: true)
            machine.pass(0.005)
            guard port % 500 == 499 else { continue }
            let (report, observed) = try machine.read()
            for (name, closes) in truth { #expect(count(report, name) == closes) }
            #expect(report.outcomes[.counted] == UInt64(observed))
            #expect(report.ports.reduce(0) { $0 + $1.closes } <= observed)
        }
    }

    @Test("Closes of another namespace are foreign, also those with equal ends at the same time")
    func namespaces() throws {
        var machine = Machine()
        _ = try machine.read()
        for port in 30_000..<30_500 {
            machine.close("mine", from: Port(port), home: .here, isHere: true)
            // A millisecond before or after, or long before.
            machine.pass(port % 3 == 0 ? 0.02 : 0.001)
            if port % 2 == 0 { machine.close("theirs", from: Port(port), home: .elsewhere, isHere: false) }
            if port % 2 == 1 { machine.close("theirs", from: Port(port + 1), home: .elsewhere, isHere: false) }
        }
        machine.pass(1)
        _ = try machine.read()
        machine.pass(5)
        let first = try machine.read().closers
        #expect(count(first, "mine") == 500)
        #expect(count(first, "theirs") == 0)
        #expect(first.outcomes == [.counted: 500, .foreign: 500, .unmatched: 0, .lost: 0])
    }

    @Test("Where no namespace is known, the last close before the TIME_WAIT began is its own")
    func unknownNamespaces() throws {
        var machine = Machine()
        _ = try machine.read()
        for port in 30_000..<30_100 {
            machine.close("theirs", from: Port(port), isHere: false)
        }
        machine.pass(2)
        for port in 30_000..<30_100 { machine.close("mine", from: Port(port), isHere: true) }
        machine.pass(2)
        for port in 30_000..<30_100 { machine.close("theirs", from: Port(port), isHere: false) }
        machine.pass(1)
        let report = try machine.read().closers
        #expect(count(report, "mine") == 100)
        #expect(count(report, "theirs") == 0)
    }

    @Test("A close waits while its connection is in FIN_WAIT2, however long")
    func closing() throws {
        var machine = Machine()
        _ = try machine.read()
        machine.close("patient", from: 30_000, isHere: true, state: .finWait2)
        for _ in 0..<20 {
            machine.pass(5)
            #expect(count(try machine.read().closers, "patient") == 0)
        }
        machine.finish(30_000)
        machine.pass(1)
        let report = try machine.read().closers
        #expect(count(report, "patient") == 1)
        #expect(report.outcomes == [.counted: 1, .foreign: 0, .unmatched: 0, .lost: 0])
    }

    @Test("A TIME_WAIT that ended before the reading leaves its close unmatched, and is not foreign")
    func unmatched() throws {
        var machine = Machine()
        _ = try machine.read()
        for port in 30_000..<30_010 { machine.close("short", from: Port(port), home: .here, isHere: true) }
        for port in 30_000..<30_004 { machine.end(Port(port)) }
        // Its namespace is not known, but follows from its other closes.
        for port in 31_000..<31_010 { machine.close("older", from: Port(port), isHere: true) }
        machine.end(31_000)
        for _ in 0..<3 {
            machine.pass(5)
            _ = try machine.read()
        }
        let report = try machine.read().closers
        #expect(count(report, "short") == 6)
        #expect(count(report, "older") == 9)
        #expect(report.outcomes[.counted] == 15)
        #expect(report.outcomes[.unmatched].map { $0 + (report.outcomes[.foreign] ?? 0) } == 5)
        #expect(report.outcomes[.unmatched] ?? 0 >= 4)
    }

    @Test("A port that is used again in the same interval counts once for each TIME_WAIT that is read")
    func reused() throws {
        var machine = Machine()
        _ = try machine.read()
        machine.close("first", from: 30_000, home: .here, isHere: true)
        machine.pass(2)
        machine.close("second", from: 30_000, home: .here, isHere: true)
        for _ in 0..<3 {
            machine.pass(1)
            _ = try machine.read()
        }
        let report = try machine.read().closers
        #expect(count(report, "first") == 0)
        #expect(count(report, "second") == 1)
        #expect(report.outcomes[.unmatched] == 1)
    }

    @Test("Failed connect() calls count for processes of this namespace only")
    func failures() throws {
        var machine = Machine()
        _ = try machine.read()
        machine.fail("client", home: .here, times: 3)
        machine.fail("stranger", home: .elsewhere, times: 5)
        machine.fail("hidden", home: .unknown)
        let report = try machine.read().closers
        let failures = [FailedCall(ProgramName(process: "client"), to: .remote, 443): 3]
        #expect(report.failures == failures)
        #expect(report.otherFailures == 0)
        #expect(report.recent?.sum.failures == failures)
    }

    @Test("The closes of the last minute leave with their TIME_WAITs")
    func recent() throws {
        var machine = Machine()
        let first = try machine.read().closers
        #expect(first.recent?.seconds == 0)
        var left: [Port: Double] = [:]
        for number in 0..<300 {
            let port = Port(40_000 + number)
            machine.close(number.isMultiple(of: 3) ? "rare" : "busy", from: port, home: .here, isHere: true)
            left[port] = machine.now
            machine.pass(0.5)
            guard number % 10 == 9 else { continue }
            // Each reading takes 0.5 s: readings are 5.5 s apart.
            let start = machine.now
            let recent = try #require(try machine.read().closers.recent)
            let seconds = recent.seconds
            #expect(seconds <= 61 && seconds > min(start - 0.5, 55))
            let since = left.filter { $0.value >= start - seconds }
            let rare = since.count { ($0.key - 40_000).isMultiple(of: 3) }
            let sum = recent.sum
            #expect(sum.programs[ProgramName(process: "rare")]?.total == rare)
            #expect(sum.programs[ProgramName(process: "busy")]?.total == since.count - rare)
        }
    }

    @Test("Without --who the rows of a reading are not kept")
    func off() throws {
        var memory = Memory(AccountingSettings())
        _ = memory.report([.listen(Self.loopback, 9090)])
        #expect(memory.closingRows == nil)
        let joined = memory.join(CloseBatch(), PortReport(), start: .after(0))
        #expect(joined == nil)
    }
}

@Suite("The choice of the busiest programs")
struct StickyChoiceTests {
    @Test("Programs with random names that come and go take no place from others")
    func randomNames() {
        var choice = StickyChoice<String>(limit: 5)
        var removed = 0
        for second in stride(from: 0.0, to: 3600, by: 5) {
            var counts = [(key: "steady", count: 10)]
            for _ in 0..<20 { counts.append(("job-\(Int.random(in: 0..<1_000_000_000))", Int.random(in: 1...100))) }
            let key = choice.note(counts, at: .after(second))
            if key != nil { removed += 1 }
        }
        // It has its place at the latest after three minutes.
        #expect(choice.contains("steady"))
        #expect(removed <= 1)
    }

    @Test("A program that stays busy takes the place of one that is not")
    func busy() {
        var choice = StickyChoice<String>(limit: 2)
        _ = choice.note([("early", 5), ("quiet", 1)], at: .after(0))
        var removed: [String] = []
        for second in stride(from: 0.0, to: 600, by: 5) {
            if let key = choice.note([("early", 5), ("late", 50)], at: .after(second)) { removed.append(key) }
        }
        #expect(removed == ["quiet"])
        #expect(choice.contains("late") && choice.contains("early"))
    }

    @Test("A program that is less than twice as busy takes no place")
    func littleBusier() {
        var choice = StickyChoice<String>(limit: 2)
        _ = choice.note([("first", 10), ("second", 10)], at: .after(0))
        for second in stride(from: 5.0, to: 1200, by: 5) {
            #expect(choice.note([("first", 10), ("second", 10), ("third", 15)], at: .after(second)) == nil)
        }
        #expect(choice.contains("first") && choice.contains("second"))
    }

    @Test("As many programs as there are places keep them")
    func places() {
        var choice = StickyChoice<Int>(limit: 20)
        for second in 0..<1000 {
            let counts = (0..<20).filter { _ in Bool.random() }.map { (key: $0, count: 1 << $0) }
            let removed = choice.note(counts, at: .after(Double(second)))
            #expect(removed == nil)
        }
        #expect((0..<20).filter { choice.contains($0) }.count == 20)
    }
}
