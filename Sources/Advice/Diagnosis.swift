package import Model

/// What is wrong with a machine, and what was looked at.
package struct Diagnosis: Sendable {
    /// The machine's name.
    package var host: String
    /// The kernel, as `Linux 6.12.9`.
    package var kernel: String
    /// Where the socket table was read.
    package var source: TableSource?
    /// When, in seconds since 1970.
    package var sampledAt: Double
    /// How long the reading took, in seconds.
    package var duration: Double
    /// The seconds between the two readings; nil where there was one.
    package var between: Double?
    /// The numbers that are always shown.
    package var summary: Summary
    /// What was found, the worst first.
    package var findings: [Finding]
    /// The checks that found nothing.
    package var passed: [Check]
    /// The checks that could not be made, and why.
    package var notChecked: [(check: Check, reason: String)]
    /// Why a large number is no problem; nil where no number is large, or where it is one.
    package var isNormalBecause: String?
    /// What was hidden.
    package var notSeen: NotSeen

    /// The numbers that are always shown. What could not be read is nil.
    package struct Summary: Equatable, Sendable {
        /// TIME_WAIT sockets.
        package var timeWait: Int?
        /// Those of them whose both ends are on this host.
        package var timeWaitLocal: Int?
        /// LISTEN sockets.
        package var listenSockets: Int?
        /// The ephemeral range.
        package var range: PortRange?
        /// Its usable ports, and those of them that are held, whatever the destination.
        package var ports: (usable: Int, used: Int)?
        /// Distinct destinations.
        package var destinations: Int?
        /// The destination that uses most of the ports.
        package var nearest: Nearest?

        /// Nothing is known.
        package init() {}

        /// Whether both hold the same numbers.
        package static func == (left: Summary, right: Summary) -> Bool {
            left.timeWait == right.timeWait && left.timeWaitLocal == right.timeWaitLocal
                && left.listenSockets == right.listenSockets && left.range == right.range
                && left.ports?.usable == right.ports?.usable && left.ports?.used == right.ports?.used
                && left.destinations == right.destinations && left.nearest == right.nearest
        }
    }

    /// The destination that is nearest to its limit.
    package struct Nearest: Equatable, Sendable {
        /// Where the connections come from, as text.
        package var source: String
        /// Where they go, as text, with the zone of a link-local address.
        package var address: String
        /// The port there.
        package var port: Port
        /// The two as `10.0.0.9:5432`.
        package var text: String
        /// Ports of live connections.
        package var live: Int
        /// Ports of TIME_WAITs.
        package var timeWait: Int
        /// In how many seconds no port is left; nil if never.
        package var exhaustion: Double?

        /// A destination from its parts.
        package init(
            source: String,
            address: String,
            port: Port,
            text: String,
            live: Int,
            timeWait: Int,
            exhaustion: Double?
        ) {
            self.source = source
            self.address = address
            self.port = port
            self.text = text
            self.live = live
            self.timeWait = timeWait
            self.exhaustion = exhaustion
        }
    }

    /// What was hidden from who looked.
    package struct NotSeen: Equatable, Sendable {
        /// Sockets of which the process was hidden.
        package var hiddenSockets = 0
        /// The command of a shell that shows them; nil where none would, since root looked.
        package var command: String?
        /// Sockets that a process may own.
        package var sockets = 0
        /// The names or numbers of their users.
        package var users: [String] = []
        /// What else could not be seen, a line each.
        package var reasons: [String] = []

        /// What was hidden.
        package init(
            hiddenSockets: Int = 0,
            command: String? = nil,
            sockets: Int = 0,
            users: [String] = [],
            reasons: [String] = []
        ) {
            self.hiddenSockets = hiddenSockets
            self.command = command
            self.sockets = sockets
            self.users = users
            self.reasons = reasons
        }
    }

    /// A diagnosis from its parts.
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

    /// The worst severity; nil where nothing was found.
    package var worst: Severity? { findings.map(\.severity).max() }

    /// How many findings there are of a severity.
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

/// What a check came to.
enum Outcome {
    /// These findings, or none.
    case found([Finding])
    /// It could not be made, for this reason.
    case notChecked(String)

    /// One finding, or none.
    static func found(_ finding: Finding?) -> Outcome { .found(finding.map { [$0] } ?? []) }
}

extension Diagnosis {
    /// Makes every check on a situation.
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
        isNormalBecause = nil
        isNormalBecause = situation.reasonOfLargeNumbers(findings: self.findings)
    }

    /// One cause, one finding: what another one explains is told inside it.
    private static func withoutExplained(_ findings: [Finding]) -> [Finding] {
        func explainer(of place: Int) -> Int? {
            findings.indices.first { does(findings[$0], explain: findings[place]) }
        }
        var told = findings
        for place in findings.indices {
            // What explains it may itself be told inside another one.
            var root = place
            while let next = explainer(of: root) { root = next }
            let check = findings[place].check
            if root != place, !told[root].explains.contains(check) { told[root].explains.append(check) }
        }
        return findings.indices.filter { explainer(of: $0) == nil }.map { told[$0] }
    }

    private static func does(_ explainer: Finding, explain finding: Finding) -> Bool {
        switch (explainer.check, finding.check) {
        case (.destinationExhausting, .destinationPortsHalfUsed): explainer.key == finding.key
        case (.localProber, .manyPerListener), (.rangeNearlyUsed, .bindHalfUsed), (.overflow, .bucketsNearLimit): true
        // The range is full of the connections to one destination. Its forecast leaves these out: where it says that the
        // range runs out, programs bind before they connect, and that is another cause.
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
    /// The seconds between the two readings of the socket table; nil where there is one.
    var between: Double? {
        guard let first = earlier?.readAt?.moment, let last = sample.readAt?.moment, first < last else { return nil }
        return last - first
    }

    /// The numbers that are always shown.
    var summary: Diagnosis.Summary {
        var summary = Diagnosis.Summary()
        summary.range = sample.portSysctls.ports
        guard let report else { return summary }
        summary.timeWait = report.table.total(of: .timeWait)
        summary.timeWaitLocal = report.timeWait.map { counts in
            counts.total(.local)
        }
        summary.listenSockets = report.table.total(of: .listen)
        summary.ports = report.ephemeral.map { ($0.usable, $0.used) }
        summary.destinations = report.destinations?.count
        summary.nearest = report.destinations?.nearest.first.map { nearest($0) }
        return summary
    }

    private func nearest(_ use: DestinationUse) -> Diagnosis.Nearest {
        let destination = use.line.destination
        return Diagnosis.Nearest(
            source: "\(destination.source)",
            address: "\(destination.address)" + (zone(destination.device).map { "%\($0)" } ?? ""),
            port: destination.port,
            text: text(destination),
            live: use.line.live,
            timeWait: use.line.timeWait,
            exhaustion: use.credibleExhaustion
        )
    }

    /// What was hidden.
    var notSeen: Diagnosis.NotSeen {
        var notSeen = Diagnosis.NotSeen(reasons: obstacles)
        guard let owners else { return notSeen }
        notSeen.sockets = owners.sockets.count { $0.inode != 0 }
        notSeen.hiddenSockets = owners.hidden.count
        if !owners.hidden.isEmpty, !isRoot { notSeen.command = "sudo timewait_exporter diagnose" }
        notSeen.users = Set(owners.hidden.map(\.user)).sorted().map { number in
            owners.userNames[number].map(Wording.name) ?? "uid \(number)"
        }
        return notSeen
    }

    /// Why a large number of TIME_WAITs is no problem; nil where there are few, or where a finding is about them.
    func reasonOfLargeNumbers(findings: [Finding]) -> String? {
        guard let report, let counts = report.timeWait, let destinations = report.destinations else { return nil }
        let total = report.table.total(of: .timeWait)
        let listeners = report.table.total(of: .listen)
        let isLarge = total > Thresholds.timeWaitFloor * 2 && total > 10 * listeners
        let isAbout: Set<Check> = [
            .destinationExhausting, .rangeNearlyUsed, .destinationPortsHalfUsed, .localProber, .manyPerListener,
            .bindHalfUsed, .bucketsNearLimit, .overflow,
        ]
        guard isLarge, !findings.contains(where: { isAbout.contains($0.check) }) else { return nil }
        let clients = Peer.allCases.reduce(0) { $0 + counts[.client, $1] }
        let servers = Peer.allCases.reduce(0) { $0 + counts[.server, $1] }
        var sentences: [String] = []
        if clients > 0 {
            let share = report.nearestShare.map {
                ", of which none uses more than \(Wording.percent($0)) of the usable ports"
            }
            sentences.append(
                "\(Wording.count(clients)) go to \(Wording.count(destinations.count, "destination"))\(share ?? "")"
            )
        }
        if servers > 0 {
            let busiest = report.ports.sorted { ($1.serverTimeWait, $0.port) < ($0.serverTimeWait, $1.port) }
                .prefix(2).filter { $0.serverTimeWait > 0 }.map { "\($0.port)" }
            let ports = busiest.isEmpty ? "" : ", most on \(Wording.list(busiest, atMost: 2))"
            sentences.append(
                "\(Wording.count(servers)) are of connections that services closed first\(ports), and hold no ephemeral port"
            )
        }
        guard !sentences.isEmpty else { return nil }
        var text = "\(Wording.count(total, "TIME_WAIT")) are normal here: \(sentences.joined(separator: "; "))."
        text += " Each takes 256 bytes and no CPU."
        if let share = report.ephemeral?.share, share > 0.1 {
            text += " Ports count for each destination alone, so \(Wording.percent(share)) in use is no limit either."
        }
        return text
    }

    /// What a check comes to.
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

extension PortLine {
    /// TIME_WAITs that the service has because it closed first.
    var serverTimeWait: Int { (timeWait?.serverLocal ?? 0) + (timeWait?.serverRemote ?? 0) }
}
