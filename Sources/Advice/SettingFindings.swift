import Model

/// Settings of the kernel that do harm or are misunderstood, changes of them, and readings that fail.
extension Situation {
    /// Whether FIN_WAIT2 ends earlier than anybody wanted.
    var finTimeoutCutsFinWait2: Outcome {
        guard let value = sample.sysctls?[.tcpFinTimeout] else { return .notChecked(Self.noSysctls) }
        guard Thresholds.cuttingFinTimeouts.contains(value) else { return .found([]) }
        return .found(
            Finding(
                check: .finTimeoutCutsFinWait2,
                severity: .warning,
                key: "",
                title: "tcp_fin_timeout is \(value): FIN_WAIT2 ends after \(2 * (value - 60)) s",
                evidence: [.init("tcp_fin_timeout", .int(value)), .init("fin_wait2_seconds", .int(2 * (value - 60)))],
                seen: ["tcp_fin_timeout \(value) s; an unowned FIN_WAIT2 lasts \(2 * (value - 60)) s"],
                why:
                    "From 61 to 119 only the part above 60 s counts, twice: FIN_WAIT2 ends earlier than the value says"
                    + (value < 90 ? ", and earlier than at 60" : "") + ". A peer that answers later gets an RST.",
                now: Finding.Step("", ["sudo sysctl -w net.ipv4.tcp_fin_timeout=60"]),
                prevent: Finding.Step("Correct the file that sets it:", Self.filesThatSet("tcp_fin_timeout")),
                not: "Do not expect fewer TIME_WAITs of it: TIME_WAIT lasts 60 s."
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
                prevent: Finding.Step("Correct the file that sets it:", Self.filesThatSet("tcp_timestamps")),
                not: "Do not turn them off to save 12 bytes of a segment."
            )
        )
    }

    /// Whether somebody seems to have taken tcp_fin_timeout for the length of TIME_WAIT.
    var finTimeoutIsNotTimeWait: Outcome {
        guard let value = sample.sysctls?[.tcpFinTimeout] else { return .notChecked(Self.noSysctls) }
        guard let report else { return .notChecked(Self.noReport) }
        guard value != 60, !Thresholds.cuttingFinTimeouts.contains(value),
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
                    "It bounds FIN_WAIT2 sockets that no process owns. TIME_WAIT lasts 60 s, a constant of the kernel. At"
                    + " \(value) it does no harm.",
                now: nil,
                prevent: nil,
                not: "Do not set it to 61-119: then FIN_WAIT2 ends earlier than the value says."
            )
        )
    }

    /// Sysctls that somebody changed a moment ago.
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
                        "Look who did it, and whether a file sets it:",
                        change.name == "ip_local_reserved_ports"
                            ? ["timewait_exporter reserve --check"] : Self.filesThatSet(change.name)
                    ),
                    prevent: nil,
                    not: ""
                )
            }
        )
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

    /// Collectors that have read nothing for long.
    var staleSamples: Outcome {
        .found(
            Collector.allCases.compactMap { collector in
                guard let status = sample.collectors[collector] else { return nil }
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
                    why: "What it tells is absent from the page, and the checks that need it were not made.",
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
}
