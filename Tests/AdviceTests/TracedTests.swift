import Advice
import Model
import Situations
import Testing

@Suite("What a trace has found, in words")
struct TracedTests {
    private func counts(_ local: Int, _ remote: Int) -> TimeWaitCounts {
        var counts = TimeWaitCounts()
        (counts[.client, .local], counts[.server, .remote]) = (local, remote)
        return counts
    }

    @Test("The program that closed most connections first is named, with its share")
    func culprit() {
        var report = CloserReport()
        report.programs = [
            .init(name: ProgramName(unit: "node-probe.service", process: "node-probe"), closes: counts(412, 0)),
            .init(name: ProgramName(process: "curl"), closes: counts(12, 3)),
        ]
        report.otherCloses = counts(7, 0)
        #expect(
            Traced(seconds: 5, report: report).lines == [
                "412 of 431 short connections within this host were closed first by node-probe (node-probe.service)",
                "3 of 3 connections with other hosts were closed first by curl",
            ]
        )
    }

    @Test("Where no program made most of them, three are named together")
    func several() {
        var report = CloserReport()
        report.programs = ["a", "b", "c", "d"].enumerated().map { number, name in
            .init(name: ProgramName(process: name), closes: counts(10 + number, 0))
        }
        let lines = Traced(seconds: 5, report: report).lines
        #expect(lines == ["36 of 46 short connections within this host were closed first by d, c and b"])
    }

    @Test("Calls that found no port are named with their programs, and lost events are mentioned")
    func failures() {
        var report = CloserReport()
        let orders = ProgramName(unit: "orders.service", process: "orders")
        report.failures = [FailedCall(orders, to: IPAddress(10, 0, 0, 9), 5432): 12]
        report.failedBinds = [ProgramName(process: "payments"): 1, ProgramName(process: ""): 3]
        report.outcomes = [.lost: 2]
        #expect(
            Traced(seconds: 5, report: report).lines == [
                "12 connect() calls of orders (orders.service) to 10.0.0.9:5432 found no free port",
                "3 bind() calls of a program that is not visible failed with EADDRINUSE",
                "1 bind() call of payments failed with EADDRINUSE", "2 events were lost",
            ]
        )
    }

    @Test("Closes and failed calls of programs that are not named have lines of their own")
    func others() {
        var report = CloserReport()
        (report.otherCloses, report.otherFailures) = (counts(14, 1), 1)
        #expect(
            Traced(seconds: 5, report: report).lines == [
                "14 short connections within this host were closed first by programs that are not named",
                "1 connection with other hosts was closed first by programs that are not named",
                "1 connect() call of other programs or to other destinations found no free port",
            ]
        )
        for port: Port in 1...5 {
            let call = FailedCall(ProgramName(process: "orders"), to: IPAddress(10, 0, 0, 9), port)
            report.failures[call] = 20 - Int(port)
        }
        report.otherCloses = TimeWaitCounts()
        let lines = Traced(seconds: 5, report: report).lines
        #expect(lines.count == 4)
        #expect(lines.last == "32 connect() calls of other programs or to other destinations found no free port")
    }

    @Test("A count of 1 is in the singular, and a name of spaces is escaped")
    func one() {
        var report = CloserReport()
        report.programs = [.init(name: ProgramName(process: "  "), closes: counts(1, 0))]
        report.outcomes = [.lost: 1]
        #expect(
            Traced(seconds: 5, report: report).lines == [
                #"1 of 1 short connection within this host was closed first by \x20\x20"#, "1 event was lost",
            ]
        )
    }

    @Test("What a running exporter has found says of which time it is")
    func exporter() throws {
        var step = RecentCloses.Step()
        step.programs[ProgramName(unit: "node-probe.service", process: "node-probe")] = counts(412, 3)
        step.otherCloses = counts(19, 0)
        var recent = RecentCloses(limit: 20)
        recent.note(step, from: Instant(nanoseconds: 0), to: Instant(nanoseconds: 0) + 42)
        let traced = Traced(recent)
        let text =
            "412 of 431 short connections within this host were closed first by node-probe (node-probe.service)"
        #expect(traced.localClosers == "in the last 42 s, \(text)")
        #expect(traced.lines.first == text)
        #expect(traced.failedBinds == nil)
    }

    @Test("The finding of a prober names the culprit that a running exporter has seen, and no doubt")
    func finding() throws {
        var world = World.incident()
        var situation = world.situation()
        func seen() throws -> [String] {
            try #require(Diagnosis(of: situation).findings.first { $0.check == .localProber }).seen
        }
        (situation.owners, situation.dialers) = (nil, nil)
        #expect(try seen().contains { $0.contains("no process was seen") })
        var recent = RecentCloses(limit: 20)
        var step = RecentCloses.Step()
        step.programs[ProgramName(process: "node-probe")] = counts(9, 0)
        recent.note(step, from: Instant(nanoseconds: 0), to: Instant(nanoseconds: 0) + 60)
        situation.traced = Traced(recent)
        #expect(
            try seen().contains(
                "in the last 60 s, 9 of 9 short connections within this host were closed first by node-probe"
            )
        )
        #expect(try !seen().contains { $0.contains("no process was seen") })
    }

    @Test("A trace without events says so")
    func nothing() {
        let lines = Traced(seconds: 5, report: CloserReport()).lines
        #expect(lines == ["no program of this host closed a connection first"])
    }
}
