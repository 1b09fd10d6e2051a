import Model
import Testing

@Suite("The closes of the last minute")
struct RecentClosesTests {
    private func counts(_ count: Int) -> TimeWaitCounts {
        var counts = TimeWaitCounts()
        counts[.client, .local] = count
        return counts
    }

    @Test("Programs with random names take a bounded place, and none of their closes is missing")
    func randomNames() {
        var recent = RecentCloses(limit: 3)
        for second in 0..<200 {
            var step = RecentCloses.Step()
            step.programs[ProgramName(process: "steady")] = counts(5)
            for number in 0..<20 { step.programs[ProgramName(process: "job-\(second)-\(number)")] = counts(1) }
            for number in 0..<10 {
                step.failures[FailedCall(ProgramName(process: "job-\(second)"), to: .remote, Port(number))] = 2
            }
            recent.note(step, from: .after(Double(second)), to: .after(Double(second + 1)))
        }
        let sum = recent.sum
        let seconds = Int(recent.seconds)
        #expect((60...61).contains(seconds))
        #expect(sum.programs.count == 3 && sum.failures.count == 3)
        #expect(sum.programs[ProgramName(process: "steady")]?.total == 5 * seconds)
        #expect(sum.programs.values.reduce(sum.otherCloses.total) { $0 + $1.total } == 25 * seconds)
        #expect(sum.failures.values.reduce(sum.otherFailures, +) == 20 * seconds)
    }

    @Test("Readings that are half a minute apart, and not exactly on time, give a whole minute")
    func rare() {
        var recent = RecentCloses(limit: 3)
        for number in 0..<5 {
            var step = RecentCloses.Step()
            step.lost = 1
            let start = Double(number) * 30.2
            recent.note(step, from: .after(start), to: .after(start + 30.2))
        }
        #expect(recent.sum.lost == 2)
        #expect(recent.seconds > 60 && recent.seconds < 61)
    }

    @Test("After a pause in the readings there is no more than the last of them")
    func pause() {
        var recent = RecentCloses(limit: 3)
        recent.note(.init(), from: .after(0), to: .after(5))
        recent.note(.init(), from: .after(5), to: .after(500))
        #expect(recent.seconds == 495)
    }
}
