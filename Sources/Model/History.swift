/// The last hour in steps of 30 s, for the charts of the landing page. About 10 KiB.
package struct History: Equatable, Sendable {
    /// The values of one step; nil if not read.
    package struct Step: Equatable, Sendable {
        /// The highest number of TIME_WAITs.
        package var timeWait: Int?
        /// The highest share, 0 to 1, of the usable ports that were held, over all destinations.
        package var rangeShare: Double?
        /// The highest share, 0 to 1, of the usable ports that one destination held.
        package var nearestShare: Double?
        /// The highest rate of new TIME_WAITs, per second.
        package var arrivals: Double?
        /// The last value of `TCPTimeWaitOverflow`.
        package var overflow: UInt64?

        package init() {}
    }

    /// The length of a step in seconds.
    package static let step = 30.0
    /// The number of steps that are kept.
    package static let length = 120

    /// When the last step began; nil before the first sample.
    package private(set) var lastStart: Instant?
    /// The steps so far, the oldest first, without gaps.
    package private(set) var steps: [Step] = []

    package init() {}

    /// Adds a sample to the current step; called at most once a second.
    package mutating func note(_ sample: Sample) {
        advance(to: sample.now)
        guard !steps.isEmpty else { return }
        let last = steps.count - 1
        steps[last].overflow = sample.counters?.overflow ?? steps[last].overflow
        guard let report = sample.ports, let readAt = sample.readAt?.moment, let lastStart, readAt >= lastStart else {
            return
        }
        func raise<Value: Comparable>(_ path: WritableKeyPath<Step, Value?>, to value: Value?) {
            guard let value else { return }
            steps[last][keyPath: path] = max(steps[last][keyPath: path] ?? value, value)
        }
        raise(\.timeWait, to: report.table.total(of: .timeWait))
        raise(\.rangeShare, to: report.ephemeral?.share)
        raise(\.nearestShare, to: report.nearestShare)
        raise(\.arrivals, to: report.arrivalsPerSecond)
    }

    private mutating func advance(to now: Instant) {
        guard let start = lastStart else {
            lastStart = now
            steps = [Step()]
            return
        }
        let passed = Int(min((now - start) / Self.step, Double(Self.length)))
        guard passed > 0 else { return }
        steps.append(contentsOf: repeatElement(Step(), count: passed))
        steps.removeFirst(max(0, steps.count - Self.length))
        lastStart = passed < Self.length ? start + Self.step * Double(passed) : now
    }

    /// The rise of the overflow counter; nil if it was not read.
    ///
    /// - Parameter seconds: how long to look back.
    package func overflow(inLast seconds: Double) -> UInt64? {
        let recent = steps.suffix(Int(seconds / Self.step) + 1).compactMap(\.overflow)
        guard let first = recent.first, let last = recent.last else { return nil }
        return last >= first ? last - first : nil
    }
}

extension PortReport {
    /// The share, 0 to 1, of the usable ports that the busiest destination uses; nil if nothing is
    /// usable, and if destinations are not counted.
    package var nearestShare: Double? {
        guard let destinations, let ephemeral, ephemeral.usable > 0 else { return nil }
        return Double(destinations.worst) / Double(ephemeral.usable)
    }

    /// The rate of new TIME_WAITs over the last ten seconds, per second; nil if their roles are
    /// unknown.
    package var arrivalsPerSecond: Double? {
        newTimeWait.map { Double($0.total(.local) + $0.total(.remote)) / PortReport.newWindow }
    }
}
