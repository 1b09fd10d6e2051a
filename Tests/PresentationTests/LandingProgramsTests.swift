import Advice
import Model
import SyntheticMachines
import Testing

@testable import Presentation

@Suite("The programs on the landing page")
struct LandingProgramsTests {
    /// A machine on which closes are traced, by these programs; each has 100 closes more than the
    /// next.
    private static func traced(_ names: [ProgramName]) -> Situation {
        var situation = SyntheticMachine().situation
        var step = RecentCloses.Step()
        for (number, name) in names.enumerated() {
            var counts = TimeWaitCounts()
            (counts[.client, .local], counts[.server, .remote]) = (100 * (names.count - number), 10)
            step.programs[name] = counts
            step.failures[FailedCall(name, to: IPAddress(10, 0, 0, 9), 5432)] = names.count - number
        }
        var report = CloserReport()
        for (call, count) in step.failures { report.failures[call] = 1000 + count }
        (report.otherFailures, step.otherFailures) = (5, 4)
        var recent = RecentCloses(limit: 20)
        recent.note(step, from: Instant(nanoseconds: 0), to: Instant(nanoseconds: 0) + 60)
        report.recent = recent
        situation.sample.closers = report
        var status = CollectorStatus(reasons: [])
        status.succeeded = true
        situation.sample.collectors[.who] = status
        situation.traced = Traced(recent)
        return situation
    }

    @Test("The landing page shows who closed first, and whose connect() failed, the others as one")
    func programs() throws {
        let names = (0..<13).map { ProgramName(unit: "unit-\($0).service", process: "program-\($0)") }
        let document = LandingDocument(Self.traced(names))
        #expect(document.faults == [])
        let closers = document.rows("closers")
        #expect(closers.count == 11)
        #expect(
            closers.first == ["program-0", "unit-0.service 1,300 on this host, 10 elsewhere", "1,310", "1,300", "14 %"]
        )
        #expect(closers.last == ["others", "600 on this host, 30 elsewhere", "630", "600", "6.8 %"])
        #expect(document.words.contains("TIME_WAITs by program that closed first, in the last 60 s"))
        let failures = document.rows("failures")
        #expect(failures.count == 11)
        #expect(failures.first == ["program-0", "unit-0.service", "10.0.0.9:5432", "13", "1,013"])
        #expect(failures.last == ["others", "", "", "10", "3,011"])
    }

    @Test("The landing page says what is no program, or none that is visible")
    func noPrograms() {
        let names = [ProgramName(process: ProgramName.kernelWorker), ProgramName(process: "")]
        let closers = LandingDocument(Self.traced(names)).rows("closers")
        #expect(closers[0].prefix(2) == ["kworker", "the kernel closed it later 200 on this host, 10 elsewhere"])
        #expect(closers[1].first == "not visible")
    }

    @Test("Without --who, or with nothing to tell, the landing page has no tables of programs")
    func untraced() {
        let title = "by program"
        #expect(!LandingDocument(SyntheticMachine().situation).words.contains(title))
        var quiet = Self.traced([])
        quiet.sample.closers?.otherFailures = 0
        #expect(!LandingDocument(quiet).words.contains(title))
    }

    @Test("The landing page says that --who is on and traces nothing")
    func refused() {
        var situation = SyntheticMachine().situation
        situation.sample.collectors[.who] = CollectorStatus(reasons: [])
        let document = LandingDocument(situation)
        #expect(document.words.contains("TIME_WAITs by program Unknown: --who is on, and nothing is traced."))
        #expect(document.faults == [])
    }

    @Test(
        "The landing page escapes and cuts the names of programs that close first",
        arguments: ["<script>a(1)", "\"' onload=x", String(repeating: "x", count: 200), "é\u{202e}\u{7}&amp;"]
    )
    func namesOfClosers(_ name: String) {
        let document = LandingDocument(Self.traced([ProgramName(unit: name, process: name)]))
        #expect(document.faults == [])
        #expect(!document.text.contains("<script"))
        #expect(!document.text.contains(" onload=x\""))
        #expect(!document.text.contains(String(repeating: "x", count: 41)))
        #expect(document.text.utf8.allSatisfy { $0 < 0x7f && ($0 >= 0x20 || $0 == 10) })
        let shown = Wording.name(name).split(separator: " ").joined(separator: " ")
        #expect(document.rows("closers").first?.first == shown)
        #expect(document.rows("failures").first?.prefix(2) == [shown, shown])
    }
}
