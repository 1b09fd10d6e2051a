/// Who closed first, and whose connect() found no port, in the last minute: a step for each reading
/// of the socket table. Bounded.
package struct RecentCloses: Equatable, Sendable {
    /// What one reading has added, or several together.
    package struct Step: Equatable, Sendable {
        package var programs: [ProgramName: TimeWaitCounts] = [:]
        /// The closes of programs that are not in `programs`.
        package var otherCloses = TimeWaitCounts()
        package var failures: [FailedCall: Int] = [:]
        /// The failures that are not in `failures`.
        package var otherFailures = 0
        /// The events that were lost.
        package var lost: UInt64 = 0

        package init() {}
    }

    /// How long to look back, in seconds: as long as a TIME_WAIT lasts on most kernels, so that
    /// these closes are those of the TIME_WAITs that exist.
    private static let window = TimeWaitTiming().seconds
    /// How much longer the time may be, as a reading is seldom exactly on time.
    private static let slack = 1.0

    /// The most programs of a step, and the most failed calls, that have a name.
    private let limit: Int
    /// The steps, each with the time that it covers.
    private var steps: [(start: Instant, end: Instant, step: Step)] = []

    package init(limit: Int) {
        self.limit = limit
    }

    /// Adds what one reading has found.
    ///
    /// - Parameters:
    ///   - start: when the reading before began.
    ///   - end: when this one began.
    package mutating func note(_ step: Step, from start: Instant, to end: Instant) {
        steps.removeAll { end - $0.start > Self.window + Self.slack }
        steps.append((start, end, step.limited(to: limit)))
    }

    /// The seconds that all steps cover; 0 before the second reading.
    package var seconds: Double {
        guard let first = steps.first, let last = steps.last else { return 0 }
        return last.end - first.start
    }

    /// All steps together.
    package var sum: Step {
        var sum = Step()
        for (_, _, step) in steps { sum += step }
        return sum.limited(to: limit)
    }

    package static func == (left: RecentCloses, right: RecentCloses) -> Bool {
        left.limit == right.limit && left.steps.elementsEqual(right.steps) { $0 == $1 }
    }
}

extension RecentCloses.Step {
    fileprivate static func += (left: inout Self, right: Self) {
        for (name, counts) in right.programs { left.programs[name, default: TimeWaitCounts()] += counts }
        left.otherCloses += right.otherCloses
        for (call, count) in right.failures { left.failures[call, default: 0] += count }
        left.otherFailures += right.otherFailures
        left.lost += right.lost
    }

    /// The busiest programs and calls by name, the rest among the others.
    fileprivate func limited(to limit: Int) -> Self {
        var limited = self
        if programs.count > limit {
            for (name, counts) in programs.sorted(by: { ($1.value.total, $0.key) < ($0.value.total, $1.key) })
                .dropFirst(limit)
            {
                limited.programs[name] = nil
                limited.otherCloses += counts
            }
        }
        if failures.count > limit {
            for (call, count) in failures.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }).dropFirst(limit) {
                limited.failures[call] = nil
                limited.otherFailures += count
            }
        }
        return limited
    }
}
