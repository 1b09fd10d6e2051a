package import Model

extension Diagnosis {
    /// The numbers that are always shown; nil if unreadable.
    package struct Summary: Equatable, Sendable {
        package var timeWait: Int?
        /// TIME_WAITs with both ends on this host.
        package var timeWaitLocal: Int?
        package var listenSockets: Int?
        package var range: PortRange?
        /// The usable ports of the range, and how many of them are held, over all destinations.
        package var ports: (usable: Int, used: Int)?
        /// The number of distinct destinations.
        package var destinations: Int?
        /// The destination that uses the most ports.
        package var nearest: Nearest?

        package init() {}

        package static func == (left: Summary, right: Summary) -> Bool {
            left.timeWait == right.timeWait && left.timeWaitLocal == right.timeWaitLocal
                && left.listenSockets == right.listenSockets && left.range == right.range
                && left.ports?.usable == right.ports?.usable && left.ports?.used == right.ports?.used
                && left.destinations == right.destinations && left.nearest == right.nearest
        }
    }

    /// The destination nearest to its limit.
    package struct Nearest: Equatable, Sendable {
        /// The local address.
        package var source: String
        /// The remote address, with the zone of a link-local address.
        package var address: String
        package var port: Port
        /// The remote end as `10.0.0.9:5432`.
        package var text: String
        /// Ports of live connections.
        package var live: Int
        /// Ports of TIME_WAITs.
        package var timeWait: Int
        /// Seconds until no port is left; nil if never.
        package var exhaustion: Double?

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

    /// What the reader had no permission to see.
    package struct NotSeen: Equatable, Sendable {
        /// Sockets whose process was hidden.
        package var hiddenSockets = 0
        /// The shell command that shows them; nil for root, to whom no command shows more.
        package var command: String?
        /// Sockets that a process may own.
        package var sockets = 0
        /// The names or numbers of their users.
        package var users: [String] = []
        /// Other obstacles, one per line.
        package var reasons: [String] = []

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
}

extension Situation {
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

    /// Why a large number of TIME_WAITs is no problem; nil if there are few, or if a finding is
    /// about them.
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
                "\(Wording.count(servers)) belong to connections that services closed first\(ports), and hold no ephemeral port"
            )
        }
        guard !sentences.isEmpty else { return nil }
        sentences.append("\(Self.timeWaitCost) and no CPU")
        var text = "\(Wording.count(total, "TIME_WAIT")) are normal here: \(sentences.joined(separator: "; "))."
        if let share = report.ephemeral?.share, share > 0.1 {
            text += " Ports are counted per destination, so \(Wording.percent(share)) in use is no limit either."
        }
        return text
    }
}

extension PortLine {
    /// TIME_WAITs that the service has because it closed first.
    var serverTimeWait: Int { (timeWait?.serverLocal ?? 0) + (timeWait?.serverRemote ?? 0) }
}
