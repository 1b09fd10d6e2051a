import Aggregator
import Model
import Testing

@Suite("The meaning of the counters TW and TWKilled")
struct CounterMeaningTests {
    @Test("The counters mean entries if they rise with the gauge at the first reading")
    func entriesAtOnce() {
        var meaning = CounterMeaning()
        #expect(meaning.event == nil)
        meaning.note(buckets: 800, counted: 800)
        #expect(meaning.event == .entries)
    }

    @Test("The counters of an idle old namespace have no meaning until the next TIME_WAITs")
    func entriesLater() {
        var meaning = CounterMeaning()
        meaning.note(buckets: 0, counted: 1_000_000)
        for _ in 0..<100 { meaning.note(buckets: 0, counted: 1_000_000) }
        #expect(meaning.event == nil)
        meaning.note(buckets: 5, counted: 1_000_005)
        #expect(meaning.event == .entries)
    }

    @Test("The counters mean expiries if the gauge rises and they do not")
    func expiries() {
        var meaning = CounterMeaning()
        meaning.note(buckets: 0, counted: 500)
        meaning.note(buckets: 10, counted: 500)
        #expect(meaning.event == .expiries)
    }

    /// One second after the other of a steady traffic whose TIME_WAITs end in batches every other
    /// second.
    private func run(_ seconds: Int, perSecond: Int, countsEntries: Bool, from start: UInt64) -> CounterMeaning {
        var meaning = CounterMeaning()
        var (entries, expiries, buckets) = (start, start, 0)
        for second in 0..<seconds {
            entries += UInt64(perSecond)
            buckets += perSecond
            if second > 60, second % 2 == 0 {
                expiries += UInt64(2 * perSecond)
                buckets -= 2 * perSecond
            }
            meaning.note(buckets: buckets, counted: countsEntries ? entries : expiries)
        }
        return meaning
    }

    @Test(
        "The inferred meaning is right at any rate and does not change",
        arguments: [1, 7, 1000, 40_000]
    )
    func steady(perSecond: Int) {
        for seconds in [10, 70, 600] {
            #expect(run(seconds, perSecond: perSecond, countsEntries: true, from: 12_345).event == .entries)
            #expect(run(seconds, perSecond: perSecond, countsEntries: false, from: 12_345).event == .expiries)
        }
    }

    @Test("TIME_WAITs that begin between reading the two files do not change the meaning")
    func race() {
        var meaning = CounterMeaning()
        var entries: UInt64 = 0
        for second in 1...60 {
            entries += 25_000
            meaning.note(buckets: second * 25_000, counted: entries - UInt64(second % 3))
        }
        #expect(meaning.event == .entries)
    }
}
