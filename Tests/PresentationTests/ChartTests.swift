import Advice
import Model
import SyntheticMachines
import Testing

@testable import Presentation

@Suite("The charts of the landing page")
struct ChartTests {
    @Test("The charts of the last hour have a gap for missing readings")
    func gaps() throws {
        let document = LandingDocument(SyntheticMachine().situation)
        let line = try #require(document.first("<path class=\"line tw\" d=\"([^\"]*)\""))
        // Steps 40 to 47 are missing: the line ends at 400 and begins again at 480.
        #expect(line.matches(of: #/M(\d+) /#).map { Int($0.1) } == [0, 480])
        #expect(document.words.contains("8 of 120 values are missing"))
        #expect(document.words.contains("13:03 13:33 14:03"))
    }

    @Test("The charts of less than an hour end at the right edge")
    func partOfAnHour() throws {
        var situation = SyntheticMachine().situation
        let begin = situation.sample.now
        var history = History()
        for step in 0..<10 {
            situation.sample.now = begin + History.step * Double(step)
            situation.sample.readAt?.moment = situation.sample.now
            history.note(situation.sample)
        }
        situation.sample.history = history
        let document = LandingDocument(situation)
        let line = try #require(document.first("<path class=\"line tw\" d=\"([^\"]*)\""))
        #expect(line.matches(of: #/M(\d+) /#).map { Int($0.1) } == [1100])
        #expect(document.words.contains("110 of 120 values are missing"))
    }

    @Test("The charts of shares have an axis from 0 to 100 %")
    func axes() throws {
        let document = LandingDocument(SyntheticMachine().situation)
        let axes = document.all("<g class=\"axis\">(.*?)</g>").map { LandingDocument.words($0) }
        #expect(axes[1].hasPrefix("100 % 50 % 0 %"))
        #expect(axes[2].hasPrefix("100 % 50 % 0 %"))
    }
}
