/// How many answers went out with each status code.
final class AnswerCounts: Sendable {
    private let counts = Guarded([UInt64](repeating: 0, count: StatusCode.allCases.count))

    /// One more.
    func count(_ status: StatusCode) {
        guard let place = StatusCode.allCases.firstIndex(of: status) else { return }
        counts.withLock { $0[place] += 1 }
    }

    /// Every code with its count, by code.
    var all: [(code: Int, count: UInt64)] {
        let counts = counts.withLock { $0 }
        return zip(StatusCode.allCases, counts).map { (code: Int($0.rawValue), count: $1) }
    }
}
