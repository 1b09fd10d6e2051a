/// The last hour in steps of half a minute: what a person wants to see who was not there. About 10 KiB.
package struct History: Equatable, Sendable {
    /// One step. What was not read in it is nil.
    package struct Step: Equatable, Sendable {
        /// The most TIME_WAITs.
        package var timeWait: Int?
        /// The highest share, 0 to 1, of the usable ports that were held, whatever the destination.
        package var rangeShare: Double?
        /// The highest share, 0 to 1, of the usable ports that one destination held.
        package var nearestShare: Double?
        /// The most TIME_WAITs that began in a second.
        package var arrivals: Double?
        /// The last value of the counter of connections that closed without TIME_WAIT.
        package var overflow: UInt64?

        /// A step in which nothing was read.
        package init() {}
    }

    /// Seconds of a step.
    package static let step = 30.0
    /// How many steps are kept.
    package static let length = 120

    /// When the last step began; nil before the first sample.
    package private(set) var lastStart: Instant?
    /// The steps that were seen, the oldest first, without a gap.
    package private(set) var steps: [Step] = []

    /// Nothing was seen yet.
    package init() {}

    /// Takes in a sample: at most once a second.
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

    /// By how much the overflow counter rose in the last steps; nil where it was not read then.
    ///
    /// - Parameter seconds: how long to look back.
    package func overflow(inLast seconds: Double) -> UInt64? {
        let recent = steps.suffix(Int(seconds / Self.step) + 1).compactMap(\.overflow)
        guard let first = recent.first, let last = recent.last else { return nil }
        return last >= first ? last - first : nil
    }
}

extension TableCounts {
    /// The rows of both families in a state.
    package func total(of state: TCPState) -> Int {
        AddressFamily.allCases.reduce(0) { $0 + self[$1, state] }
    }
}

extension EphemeralUse {
    /// Usable ports that are held.
    package var used: Int { established + other + timeWait }

    /// The share, 0 to 1, of the usable ports that are held; nil where nothing is usable.
    package var share: Double? { usable == 0 ? nil : Double(used) / Double(usable) }
}

extension PortReport {
    /// The share, 0 to 1, of the usable ports that the destination with most uses; nil where nothing is usable, and
    /// where destinations are not counted.
    package var nearestShare: Double? {
        guard let destinations, let ephemeral, ephemeral.usable > 0 else { return nil }
        return Double(destinations.worst) / Double(ephemeral.usable)
    }

    /// TIME_WAITs that begin in a second, as the last ten seconds had it; nil where their roles are not known.
    package var arrivalsPerSecond: Double? {
        newTimeWait.map { Double($0.total(.local) + $0.total(.remote)) / PortReport.newWindow }
    }
}
