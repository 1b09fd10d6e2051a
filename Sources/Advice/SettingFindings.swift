import Model

/// Sysctls that do harm or are misunderstood, changes of them, idle reserved ports, and collectors
/// that fail.
extension Situation {
    /// Whether tcp_fin_timeout makes FIN_WAIT2 end earlier than its value says.
    var finTimeoutCutsFinWait2: Outcome {
        guard let value = sample.sysctls?[.tcpFinTimeout] else { return .notChecked(Self.noSysctls) }
        guard Thresholds.cuttingFinTimeouts.contains(value) else { return .found([]) }
        let limit = Thresholds.finTimeoutLimit
        let seconds = 2 * (value - limit)
        return .found(
            Finding(
                check: .finTimeoutCutsFinWait2,
                severity: .warning,
                key: "",
                title: "tcp_fin_timeout is \(value): FIN_WAIT2 ends after \(seconds) s",
                evidence: [.init("tcp_fin_timeout", .int(value)), .init("fin_wait2_seconds", .int(seconds))],
                seen: ["tcp_fin_timeout \(value) s; an unowned FIN_WAIT2 lasts \(seconds) s"],
                why:
                    "At \(Self.cuttingValues) FIN_WAIT2 lasts twice the part above \(limit) s: it ends earlier than the value says"
                    + (seconds < limit ? ", and earlier than at \(limit)" : "")
                    + ". A peer that answers later gets an RST.",
                now: Finding.Step("", ["sudo sysctl -w net.ipv4.tcp_fin_timeout=\(limit)"]),
                prevent: Self.correctingFiles(of: .tcpFinTimeout),
                not: "Do not expect fewer TIME_WAITs from it: TIME_WAIT lasts \(timeWaitLength)."
            )
        )
    }

    /// Whether TCP timestamps are off.
    var timestampsOff: Outcome {
        guard let value = sample.sysctls?[.tcpTimestamps] else { return .notChecked(Self.noSysctls) }
        guard value == 0 else { return .found([]) }
        return .found(
            Finding(
                check: .timestampsOff,
                severity: .warning,
                key: "",
                title: "tcp_timestamps is off: no port in TIME_WAIT can be reused",
                evidence: [.init("tcp_timestamps", .int(0))],
                seen: ["net.ipv4.tcp_timestamps = 0"],
                why: "tcp_tw_reuse needs them, and so does the protection from old segments on fast links.",
                now: Finding.Step("", ["sudo sysctl -w net.ipv4.tcp_timestamps=1"]),
                prevent: Self.correctingFiles(of: .tcpTimestamps),
                not: "Do not turn them off to save 12 bytes per segment."
            )
        )
    }

    /// Whether tcp_fin_timeout seems to have been changed in the belief that it sets the length of
    /// TIME_WAIT.
    var finTimeoutIsNotTimeWait: Outcome {
        guard let value = sample.sysctls?[.tcpFinTimeout] else { return .notChecked(Self.noSysctls) }
        guard let report else { return .notChecked(Self.noReport) }
        guard value != Thresholds.finTimeoutLimit, !Thresholds.cuttingFinTimeouts.contains(value),
            report.table.total(of: .timeWait) > Thresholds.timeWaitFloor
        else { return .found([]) }
        return .found(
            Finding(
                check: .finTimeoutIsNotTimeWait,
                severity: .note,
                key: "",
                title: "tcp_fin_timeout is \(value), which does not change TIME_WAIT",
                evidence: [.init("tcp_fin_timeout", .int(value))],
                seen: [],
                why:
                    "It limits FIN_WAIT2 sockets that no process owns. TIME_WAIT lasts \(timeWaitLength),"
                    + " \(sample.sysctls?[.tcpTWTimeout] == nil ? "a constant of the kernel" : "as tcp_tw_timeout says")."
                    + " At \(value) it does no harm.",
                now: nil,
                prevent: nil,
                not: "Do not set it to \(Self.cuttingValues): then FIN_WAIT2 ends earlier than the value says."
            )
        )
    }

    /// Sysctls that were changed recently.
    var changedSysctls: Outcome {
        let recent = sample.latestSysctlChanges.filter { sample.now - $0.at <= Thresholds.recentSeconds }
        return .found(
            recent.sorted { $0.name < $1.name }.map { change in
                let name = "net.ipv4.\(change.name)"
                return Finding(
                    check: .sysctlChanged,
                    severity: .note,
                    key: change.name,
                    title: "\(name) was changed \(Wording.duration(sample.now - change.at)) ago",
                    evidence: [
                        .init("sysctl", .text(change.name)), .init("before", .text(change.before)),
                        .init("after", .text(change.after)), .init("seconds_ago", .double(sample.now - change.at)),
                    ],
                    seen: ["\(Self.short(change.before)) -> \(Self.short(change.after))"],
                    why: "",
                    now: Finding.Step(
                        "Find out who changed it, and whether a file sets it:",
                        change.name == "ip_local_reserved_ports"
                            ? ["timewait_exporter reserve --check"] : Self.filesThatSet(change.name)
                    ),
                    prevent: nil,
                    not: ""
                )
            }
        )
    }

    private static let cuttingValues =
        "\(Thresholds.cuttingFinTimeouts.lowerBound)-\(Thresholds.cuttingFinTimeouts.upperBound)"

    static let keepFinTimeout = "Do not lower tcp_fin_timeout: it does not change TIME_WAIT."

    private static func correctingFiles(of sysctl: Sysctl) -> Finding.Step {
        Finding.Step("Correct the file that sets it:", filesThatSet(sysctl.rawValue))
    }

    /// The command that finds the files which set a sysctl.
    private static func filesThatSet(_ name: String) -> [String] {
        [
            "grep -rs \(name) /etc/sysctl.conf /etc/sysctl.d \\",
            "  /run/sysctl.d /usr/local/lib/sysctl.d /usr/lib/sysctl.d",
        ]
    }

    private static func short(_ text: String) -> String {
        text.isEmpty ? "none" : text.utf8.count > 60 ? text.prefix(57) + "..." : text
    }

    /// Collectors without a recent successful reading.
    var staleSamples: Outcome {
        .found(
            Collector.allCases.compactMap { collector in
                guard let status = sample.collectors[collector], status.isInUse else { return nil }
                let failures = status.errors.filter { $0.value > 0 }
                let age = status.lastSuccess.map { time - $0 }
                guard age.map({ $0 > Thresholds.staleSeconds }) ?? !failures.isEmpty, !status.succeeded else {
                    return nil
                }
                let reasons = failures.sorted { $0.key < $1.key }.map {
                    "\($0.key) \(Wording.count(Int(clamping: $0.value)))"
                }
                return Finding(
                    check: .sampleStale,
                    severity: .warning,
                    key: collector.rawValue,
                    title: age.map { "\(collector.rawValue) was last read \(Wording.duration($0)) ago" }
                        ?? "\(collector.rawValue) could never be read",
                    evidence: [
                        .init("collector", .text(collector.rawValue)),
                        .init("seconds_ago", .optional(age)),
                        .init(
                            "errors",
                            .object(
                                failures.sorted { $0.key < $1.key }.map { .init($0.key, .int(Int(clamping: $0.value))) }
                            )
                        ),
                    ],
                    seen: reasons.isEmpty ? [] : ["failures: \(reasons.joined(separator: ", "))"],
                    why: "Its values are absent from the page"
                        + (age == nil
                            ? ", and the checks that need them were not made."
                            : " or as old as that, and the checks that need them were not made or may be wrong."),
                    now: Finding.Step(
                        "The log names the file and the reason:",
                        ["journalctl -u prometheus-timewait-exporter -n 50"]
                    ),
                    prevent: nil,
                    not: ""
                )
            }
        )
    }

    /// Reserved ports that protect no service.
    var idleReservedPorts: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        guard let range = sample.range else { return .notChecked(Self.noRange) }
        guard let idle = report.idleReserved else { return .notChecked(Self.noRange) }
        let inRange = range.reserved.intersection(PortSet(range.ports))
        let outside = range.reserved.subtracting(inRange)
        let unused =
            sample.udpPorts.map { inRange.subtracting(report.occupancy.listening).subtracting($0) } ?? PortSet()
        let total = range.reserved.count
        let count = idle.outOfRange + (idle.noListener ?? 0)
        guard count > 0 else { return .found([]) }
        var rows: [[String]] = []
        if !unused.isEmpty {
            rows.append([Wording.ports(unused), "in the range without a listener; each costs a usable port"])
        }
        if !outside.isEmpty { rows.append([Wording.ports(outside), "outside the range, no use"]) }
        // Long lists wrap, which breaks columns.
        let isShort = rows.allSatisfy { $0[0].count <= 16 }
        let seen = isShort ? Wording.table(rows) : rows.map { $0.joined(separator: "  ") }
        return .found(
            Finding(
                check: .reservedPortsIdle,
                severity: .note,
                key: "",
                title: "\(Wording.count(count)) of \(Wording.count(total, "reserved port")) "
                    + (count == 1 ? "protects nothing now" : "protect nothing now"),
                evidence: [
                    .init("reserved", .int(total)),
                    .init("no_listener", .optional(idle.noListener)),
                    .init("out_of_range", .int(idle.outOfRange)),
                ],
                seen: seen,
                why: "",
                now: nil,
                prevent: nil,
                not: "Do not remove the port of a service that is only stopped."
            )
        )
    }

    /// The step that reserves ports. If `reserve` refuses, its commands leave the old file
    /// unchanged.
    static func reserving(_ flags: String, or text: String = "") -> Finding.Step {
        Finding.Step(
            text,
            [
                "timewait_exporter reserve\(flags.isEmpty ? "" : " \(flags)") > \(ReservedPortsFiles.name) &&"
            ] + ReservedPorts.installCommands
        )
    }
}
