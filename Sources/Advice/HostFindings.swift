import Model

/// Findings about the host as a whole: probers, and the number of TIME_WAITs and its limit.
extension Situation {
    /// A program on this host that dials most of its services.
    var localProber: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        guard let dialed = report.dialedPorts, let ports = report.listening, let counts = report.timeWait else {
            return .notChecked("the addresses of this host could not be read")
        }
        let listening = ports.outside + ports.reserved + ports.exposed
        guard dialed >= Thresholds.dialedPorts, Double(dialed) > Thresholds.dialedShare * Double(listening) else {
            return .found([])
        }
        let local = counts.total(.local)
        let lines = report.ports.filter { ($0.timeWait?.localPeers ?? 0) > 0 }
        guard let usual = Self.usualTimeWaits(of: lines) else { return .found([]) }
        let total = report.table.total(of: .timeWait)
        let new = report.newTimeWait.map { new in new.total(.local) }
        let rate = new.map { Double($0) / PortReport.newWindow }
        let byService = lines.filter { ($0.timeWait?.serverLocal ?? 0) > ($0.timeWait?.clientLocal ?? 0) }
        let byClient = lines.count - byService.count
        let likely = likelyProber
        var seen = [
            "\(Wording.count(local)) of \(Wording.count(total, "TIME_WAIT")) have both ends on this host: about"
                + " \(Wording.count(usual)) on each of \(dialed) ports"
                + (rate.map { $0 < 0.05 ? "" : ", \(Wording.rate($0)) new per second" } ?? "")
        ]
        seen.append(whoCloses(byClient: byClient, byService: byService.map(\.port)))
        let closers = traced?.localClosers
        if let closers { seen.append(closers) }
        if let likely {
            seen.append(
                "likely \(likely.process.text): it \(dialers == nil ? "has connections to" : "dials")"
                    + " \(Wording.count(likely.ports)) of these ports now; a TIME_WAIT has no owning process"
            )
        } else if closers == nil {
            seen.append("a TIME_WAIT has no owning process, and no process was seen to make such connections")
        }
        let example = lines.max { ($0.timeWait?.localPeers ?? 0, $1.port) < ($1.timeWait?.localPeers ?? 0, $0.port) }?
            .port
        return .found(
            Finding(
                check: .localProber,
                severity: .warning,
                key: "",
                title: "A prober on this host dials \(dialed) of \(Wording.count(listening, "listening port"))",
                evidence: [
                    .init("dialed_ports", .int(dialed)),
                    .init("listening_ports", .int(listening)),
                    .init("time_wait", .int(total)),
                    .init("time_wait_local", .int(local)),
                    .init("new_per_second", .optional(rate)),
                    .init("closed_first_by_client", .int(byClient)),
                    .init("closed_first_by_service", .list(byService.map { .int(Int($0.port)) })),
                    .init(
                        "likely",
                        likely.map { likely in
                            .object([
                                .init("pid", .int(Int(likely.process.pid))),
                                .init("process", .text(likely.process.name)),
                                .init("unit", .optional(likely.process.unit)),
                                .init("container", .optional(likely.process.container)),
                                .init("ports", .int(likely.ports)),
                            ])
                        } ?? .null
                    ),
                ],
                seen: seen,
                why:
                    "Each probe leaves a TIME_WAIT for \(timeWaitLength), which holds an ephemeral port if the prober closes"
                    + " first."
                    + perListenerSentence(report),
                now: Finding.Step(
                    "Let the prober look for the LISTEN socket instead of connecting:",
                    ["ss -Hltn 'sport = :\(example ?? 8080)'"]
                ),
                prevent: Finding.Step(
                    "Keep one connection open to each target (HTTP keep-alive), or set TCP_LINGER2 to -1 and close after"
                        + " reading the reply."
                ),
                not:
                    "Do not set SO_LINGER to 1 s: TIME_WAIT still lasts \(timeWaitLength). \(Self.keepFinTimeout)"
            )
        )
    }

    /// The number of TIME_WAITs from this host that most services share; nil if their numbers
    /// differ.
    ///
    /// A prober dials all services at about the same rate. A web server, its backend, database and
    /// cache have short connections too, but each at its own rate.
    private static func usualTimeWaits(of lines: [PortLine]) -> Int? {
        let counts = lines.map { $0.timeWait?.localPeers ?? 0 }.sorted()
        guard !counts.isEmpty else { return nil }
        let middle = counts[counts.count / 2]
        let alike = counts.count { $0 * 2 + 2 >= middle && $0 <= middle * 2 + 2 }
        guard alike >= Thresholds.dialedPorts, Double(alike) > Thresholds.dialedShare * Double(counts.count) else {
            return nil
        }
        return middle
    }

    private func perListenerSentence(_ report: PortReport) -> String {
        guard case .found(let findings) = manyPerListener, !findings.isEmpty else { return "" }
        let ratio = report.table.total(of: .timeWait) / max(1, report.table.total(of: .listen))
        return " This is also why there are \(Wording.count(ratio)) TIME_WAITs for each LISTEN socket."
    }

    private func whoCloses(byClient: Int, byService ports: [Port]) -> String {
        if ports.isEmpty { return "the client closed first on each of them" }
        if byClient == 0 { return "the service closed first on each of them" }
        let names = Wording.list(ports.map { "\($0)" }, atMost: 5)
        return "the client closed first on \(Wording.count(byClient, "port")), the service on \(names)"
    }

    /// The program that was seen to open connections to the most LISTEN ports of this host; without
    /// such observations the one with connections to the most of them now.
    private var likelyProber: (process: SocketProcess, ports: Int)? {
        guard let report else { return nil }
        if let dialers {
            return dialers.map { ($0.key, Set($0.value).count) }.max { ($0.1, $1.0.pid) < ($1.1, $0.0.pid) }
        }
        let listening = report.occupancy.listening
        let own = Set(sockets.lazy.filter { $0.row.state != .listen }.map(\.row.localAddress))
        var dialed: [SocketProcess: Set<Port>] = [:]
        for socket in sockets where socket.row.state != .listen && listening.contains(socket.row.remotePort) {
            guard own.contains(socket.row.remoteAddress) || socket.row.remoteAddress == socket.row.localAddress,
                !listening.contains(socket.row.localPort), let process = process(of: socket)
            else { continue }
            dialed[process, default: []].insert(socket.row.remotePort)
        }
        // Their age is unknown: a program with one connection to its database and one to its cache
        // is no prober.
        let least = max(2, ((report.dialedPorts ?? 0) + 2) / 3)
        return dialed.map { ($0.key, $0.value.count) }.filter { $0.1 >= least }
            .max { ($0.1, $1.0.pid) < ($1.1, $0.0.pid) }
    }

    /// Many TIME_WAITs for each LISTEN socket.
    var manyPerListener: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        guard let counts = report.timeWait, let dialed = report.dialedPorts, let ports = report.listening else {
            return .notChecked("the addresses of this host could not be read")
        }
        let total = report.table.total(of: .timeWait)
        let sockets = report.table.total(of: .listen)
        let listening = ports.outside + ports.reserved + ports.exposed
        let remote = counts.total(.remote)
        guard sockets > 0, Double(total) > Thresholds.timeWaitPerListener * Double(sockets),
            total > Thresholds.timeWaitFloor, Double(remote) <= Thresholds.timeWaitRemoteShare * Double(total),
            Double(dialed) >= Thresholds.dialedServicesShare * Double(listening)
        else { return .found([]) }
        let busiest = report.ports.sorted {
            ($1.timeWait?.localPeers ?? 0, $0.port) < ($0.timeWait?.localPeers ?? 0, $1.port)
        }
        var seen = busiest.prefix(3).filter { ($0.timeWait?.localPeers ?? 0) > 0 }.map { line in
            let tally = line.timeWait ?? PortTimeWait()
            let closer =
                tally.serverLocal > tally.clientLocal ? "the service closed first" : "a local client closed first"
            return "\(line.port)  \(Wording.count(tally.localPeers, "TIME_WAIT")), \(closer)"
        }
        if let closers = traced?.localClosers { seen.append(closers) }
        return .found(
            Finding(
                check: .manyPerListener,
                severity: .warning,
                key: "",
                title: "\(Wording.count(total / sockets)) TIME_WAITs for each LISTEN socket",
                evidence: [
                    .init("time_wait", .int(total)), .init("listen_sockets", .int(sockets)),
                    .init("time_wait_remote", .int(remote)), .init("dialed_ports", .int(dialed)),
                ],
                seen: seen,
                why:
                    "Programs on this host make short connections to its own services. Each leaves a TIME_WAIT for"
                    + " \(timeWaitLength).",
                now: Finding.Step(
                    "Find the client among the current connections:",
                    ["sudo ss -tanp state established 'dport = :\(busiest.first?.port ?? 8080)'"]
                ),
                prevent: Finding.Step("Keep connections open: HTTP keep-alive, a pool."),
                not: "Do not reduce them only because there are many: \(Self.timeWaitCost) and no CPU."
            )
        )
    }

    /// The number of TIME_WAITs against the kernel's limit.
    var bucketsNearLimit: Outcome {
        guard let peak = sample.bucketsPeak, let limit = sample.sysctls?[.tcpMaxTWBuckets] else {
            return .notChecked(Self.noSysctls)
        }
        guard limit > 0, Double(peak) > Thresholds.bucketsShare * Double(limit) else { return .found([]) }
        return .found(
            Finding(
                check: .bucketsNearLimit,
                severity: .warning,
                key: "",
                title: "TIME_WAITs are at \(Wording.wholePercent(Double(peak) / Double(limit))) of the kernel's limit",
                evidence: [.init("peak", .int(peak)), .init("limit", .int(limit))],
                seen: [
                    "\(Wording.count(peak)) of \(Wording.count(limit))"
                        + (hasMemory ? ", the highest in the last minute" : "")
                ],
                why: "Above tcp_max_tw_buckets connections close without TIME_WAIT. \(Self.oldSegments)",
                now: Self.raising(limit),
                prevent: Self.findingTheCause,
                not: "Do not lower the limit: that loses TIME_WAITs, and frees no port in time."
            )
        )
    }

    private static let oldSegments = "Old segments can then reach a new connection."
    static let timeWaitCost = "each takes 256 bytes"
    private static let findingTheCause = Finding.Step(
        "Find what creates them: see the ports and the destinations with the most TIME_WAITs."
    )

    private static func raising(_ limit: Int) -> Finding.Step {
        let raised = min(limit < Int(Int32.max) / 2 ? limit * 2 : limit, Int(Int32.max))
        return Finding.Step(
            "Raise the limit; \(timeWaitCost):",
            ["sudo sysctl -w net.ipv4.tcp_max_tw_buckets=\(raised)"]
        )
    }

    /// Connections that closed without TIME_WAIT.
    var overflow: Outcome {
        guard let now = sample.counters?.overflow else { return .notChecked("/proc/net/netstat could not be read") }
        let rise: (count: UInt64, seconds: Double)? =
            if hasMemory {
                sample.history.overflow(inLast: Thresholds.recentSeconds).map { ($0, Thresholds.recentSeconds) }
            } else if let between, let before = earlier?.counters?.overflow, now >= before {
                (now - before, between)
            } else {
                nil
            }
        guard let rise else {
            return now == 0
                ? .found([])
                : .notChecked(
                    "\(Wording.count(Int(clamping: now))) since the start of this network namespace;"
                        + " two readings show whether more follow: --for=5s"
                )
        }
        guard rise.count > 0 else { return .found([]) }
        let count = Int(min(rise.count, UInt64(Int32.max)))
        return .found(
            Finding(
                check: .overflow,
                severity: .warning,
                key: "",
                title: "Connections close without TIME_WAIT",
                evidence: [
                    .init("connections", .int(count)), .init("seconds", .double(rise.seconds)),
                    .init("limit", .optional(sample.sysctls?[.tcpMaxTWBuckets])),
                ],
                seen: ["\(Wording.count(count, "connection")) in the last \(Wording.duration(rise.seconds))"],
                why:
                    "TIME_WAITs reached tcp_max_tw_buckets, or memory was short. \(Self.oldSegments)",
                now: (sample.sysctls?[.tcpMaxTWBuckets]).map(Self.raising),
                prevent: Self.findingTheCause,
                not: "Do not lower tcp_max_tw_buckets to have fewer TIME_WAITs."
            )
        )
    }
}
