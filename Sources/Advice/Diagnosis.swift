package import Model

/// The findings on a host, with the checks that were made.
package struct Diagnosis: Sendable {
    package var host: String
    /// The kernel, as `Linux 6.12.9`.
    package var kernel: String
    /// The source of the socket table.
    package var source: TableSource?
    /// The time of the reading, in seconds since 1970.
    package var sampledAt: Double
    /// The duration of the reading in seconds.
    package var duration: Double
    /// The seconds between the two readings; nil after a single one.
    package var between: Double?
    /// The numbers that are always shown.
    package var summary: Summary
    /// The most severe first.
    package var findings: [Finding]
    /// The checks that found nothing.
    package var passed: [Check]
    /// The checks that could not be made, and why.
    package var notChecked: [(check: Check, reason: String)]
    /// Why a large number of TIME_WAITs is no problem; nil if there are few, or if it is a problem.
    package var isNormalBecause: String?
    /// What the reader had no permission to see.
    package var notSeen: NotSeen
    /// What a trace has found; nil if nothing was traced.
    package var traced: Traced?

    package init(
        host: String,
        kernel: String,
        source: TableSource?,
        sampledAt: Double,
        duration: Double,
        between: Double?,
        summary: Summary,
        findings: [Finding],
        passed: [Check],
        notChecked: [(check: Check, reason: String)],
        isNormalBecause: String?,
        notSeen: NotSeen
    ) {
        self.host = host
        self.kernel = kernel
        self.source = source
        self.sampledAt = sampledAt
        self.duration = duration
        self.between = between
        self.summary = summary
        self.findings = findings
        self.passed = passed
        self.notChecked = notChecked
        self.isNormalBecause = isNormalBecause
        self.notSeen = notSeen
    }

    /// The highest severity; nil without findings.
    package var worst: Severity? { findings.map(\.severity).max() }

    package func count(of severity: Severity) -> Int { findings.count { $0.severity == severity } }

    /// The verdict in words: `1 critical, 2 warnings, 2 notes`, or `Nothing found`.
    package var verdict: String {
        let parts = [
            (count(of: .critical), "critical", "critical"), (count(of: .warning), "warning", "warnings"),
            (count(of: .note), "note", "notes"),
        ]
        .filter { $0.0 > 0 }.map { "\($0.0) \($0.0 == 1 ? $0.1 : $0.2)" }
        return parts.isEmpty ? "Nothing found" : parts.joined(separator: ", ")
    }
}

/// The result of a check.
enum Outcome {
    case found([Finding])
    /// The reason why the check could not be made.
    case notChecked(String)

    static func found(_ finding: Finding?) -> Outcome { .found(finding.map { [$0] } ?? []) }
}

extension Diagnosis {
    /// Runs every check on a situation.
    package init(of situation: Situation) {
        var findings: [Finding] = []
        var (passed, notChecked): ([Check], [(check: Check, reason: String)]) = ([], [])
        for check in Check.allCases where situation.hasMemory || !check.takesMemory {
            switch situation.outcome(of: check) {
            case .found(let some) where some.isEmpty: passed.append(check)
            case .found(let some): findings += some
            case .notChecked(let reason): notChecked.append((check, reason))
            }
        }
        host = situation.host
        kernel = situation.kernel
        source = situation.sample.source
        sampledAt = situation.sample.readAt?.time ?? situation.time
        duration = situation.duration
        between = situation.between
        summary = situation.summary
        self.findings = Self.inOrder(Self.withoutExplained(findings))
        self.passed = passed
        self.notChecked = notChecked
        notSeen = situation.notSeen
        traced = situation.traced
        isNormalBecause = nil
        isNormalBecause = situation.reasonOfLargeNumbers(findings: self.findings)
    }

    /// One cause, one finding: a finding that another one explains is only named there.
    private static func withoutExplained(_ findings: [Finding]) -> [Finding] {
        func explainer(of place: Int) -> Int? {
            findings.indices.first { does(findings[$0], explain: findings[place]) }
        }
        var kept = findings
        for place in findings.indices {
            // The finding that explains it may itself be explained by another one.
            var root = place
            while let next = explainer(of: root) { root = next }
            let check = findings[place].check
            if root != place, !kept[root].explains.contains(check) { kept[root].explains.append(check) }
        }
        return findings.indices.filter { explainer(of: $0) == nil }.map { kept[$0] }
    }

    private static func does(_ explainer: Finding, explain finding: Finding) -> Bool {
        switch (explainer.check, finding.check) {
        case (.destinationExhausting, .destinationPortsHalfUsed): explainer.key == finding.key
        case (.localProber, .manyPerListener), (.rangeNearlyUsed, .bindHalfUsed), (.overflow, .bucketsNearLimit): true
        // Connections to one destination fill the range. The range's forecast ignores them: if it
        // says that the range runs out, programs bind before they connect, which is another cause.
        case (.destinationExhausting, .rangeNearlyUsed), (.destinationPortsHalfUsed, .rangeNearlyUsed):
            explainer.evidence["explains_range"] == .bool(true) && finding.failsIn == nil
        default: false
        }
    }

    private static func inOrder(_ findings: [Finding]) -> [Finding] {
        let ranks = Dictionary(uniqueKeysWithValues: zip(Check.allCases, 0...))
        func rank(_ item: (offset: Int, element: Finding)) -> (Int, Double, Int, Int) {
            let finding = item.element
            return (
                -finding.severity.rawValue, finding.failsIn ?? .infinity, ranks[finding.check] ?? 0, item.offset
            )
        }
        return findings.enumerated().sorted { rank($0) < rank($1) }.map(\.element)
    }
}

extension Situation {
    /// The seconds between the two readings of the socket table; nil after a single one.
    var between: Double? {
        guard let first = earlier?.readAt?.moment, let last = sample.readAt?.moment, first < last else { return nil }
        return last - first
    }

    func outcome(of check: Check) -> Outcome {
        switch check {
        case .servicePortTaken: servicePortsTaken
        case .destinationExhausting: destinationsExhausting
        case .selfConnected: selfConnections
        case .rangeNearlyUsed: rangeNearlyUsed
        case .destinationPortsHalfUsed: destinationsHalfUsed
        case .servicePortBlocked: servicePortsBlocked
        case .restartWouldFail: restartsThatWouldFail
        case .listenerExposed: exposedListeners
        case .localProber: localProber
        case .manyPerListener: manyPerListener
        case .bindHalfUsed: bindHalfUsed
        case .bucketsNearLimit: bucketsNearLimit
        case .overflow: overflow
        case .acceptQueueGrowing: acceptQueues
        case .closeWaitGrowing: closeWaits
        case .finTimeoutCutsFinWait2: finTimeoutCutsFinWait2
        case .timestampsOff: timestampsOff
        case .rangeEndsSameParity: rangeEnds
        case .finTimeoutIsNotTimeWait: finTimeoutIsNotTimeWait
        case .reservedPortsIdle: idleReservedPorts
        case .sysctlChanged: changedSysctls
        case .sampleStale: staleSamples
        }
    }
}
