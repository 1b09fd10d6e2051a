import Model
import Testing

@testable import Sampler

@Suite("The retry of a failed operation")
struct RetryTests {
    @Test("The pause before a retry starts at ten seconds and doubles up to ten minutes")
    func pauses() {
        var retry = Retry()
        var tries: [Int] = []
        for second in 0..<7200 {
            let now = Instant(nanoseconds: 0) + Double(second)
            guard retry.isDue(at: now) else { continue }
            tries.append(second)
            retry.failed(at: now)
        }
        #expect(tries.prefix(8) == [0, 10, 30, 70, 150, 310, 630, 1230])
        #expect(tries.count == 17)
        retry.succeeded()
        #expect(retry.isDue(at: Instant(nanoseconds: 0)))
    }
}
