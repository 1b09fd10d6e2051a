import Model

/// Ephemeral ports that run out whatever the destination, and the parity of the range.
extension Situation {
    private static let bindWithoutPort =
        "Set IP_BIND_ADDRESS_NO_PORT before bind(). Programs that need it: those with Go's Dialer.LocalAddr, dig -b, proxies"
        + " with a source address."
    static let widenLast = "As a last resort reserve the service ports in ip_local_port_range, then widen it."

    /// The whole range, whatever the destination.
    var rangeNearlyUsed: Outcome {
        guard let report, let use = report.ephemeral else {
            return .notChecked(Self.noRange)
        }
        let seconds = report.ephemeralExhaustion.map { max(0, $0 - sample.now) }
        let isEnding = (seconds ?? .infinity) < Thresholds.exhaustionSeconds
        guard let share = use.share, share > Thresholds.rangeShare || isEnding else { return .found([]) }
        let time =
            seconds.map { $0 < 0.5 ? "none is left" : "\(Wording.duration($0)) left" } ?? "the range does not run out"
        return .found(
            Finding(
                check: .rangeNearlyUsed,
                severity: isEnding ? .critical : .warning,
                key: "",
                title: "\(Wording.wholePercent(share)) of the ephemeral ports are in use: "
                    + (!isEnding
                        ? "few are left for bind()"
                        : "bind() to port 0 fails \((seconds ?? 0) < 0.5 ? "now" : "soon")"),
                evidence: [
                    .init("usable", .int(use.usable)),
                    .init("established", .int(use.established)),
                    .init("time_wait", .int(use.timeWait)),
                    .init("other", .int(use.other)),
                    .init("exhaustion_seconds", .optional(seconds)),
                ],
                seen: [
                    "\(Wording.count(use.used)) of \(Wording.count(use.usable)) usable ports:"
                        + " \(Wording.count(use.established)) ESTABLISHED, \(Wording.count(use.timeWait)) TIME_WAIT,"
                        + " \(Wording.count(use.other)) other; \(time)"
                ] + (binderText.map { [$0] } ?? []),
                why:
                    "A program that binds before it connects needs a port of its own. Once none is left, bind() to port 0"
                    + " fails with EADDRINUSE, and connect() with EADDRNOTAVAIL.",
                now: binderStep,
                prevent: Finding.Step("\(Self.bindWithoutPort) \(Self.widenLast)"),
                not: Self.keepFinTimeout,
                failsIn: seconds
            )
        )
    }

    /// The half of the range that bind() to port 0 tries first.
    var bindHalfUsed: Outcome {
        guard let report, let use = report.ephemeral else {
            return .notChecked(Self.noRange)
        }
        let bind = use.bind
        guard bind.ports > 0, Double(bind.used) > Thresholds.bindShare * Double(bind.ports),
            (report.nearestShare ?? 0) <= Thresholds.destinationShare
        else { return .found([]) }
        let half = (sample.portSysctls.ports?.low ?? 0).isMultiple(of: 2) ? "odd" : "even"
        return .found(
            Finding(
                check: .bindHalfUsed,
                severity: .warning,
                key: "",
                title: "Clients that bind before they connect use "
                    + "\(Wording.wholePercent(Double(bind.used) / Double(bind.ports))) of the \(half) ports",
                evidence: [.init("usable", .int(bind.ports)), .init("used", .int(bind.used))],
                seen: [
                    "\(Wording.count(bind.used)) of \(Wording.count(bind.ports)) usable \(half) ports, not used up by one destination"
                ] + (binderText.map { [$0] } ?? []),
                why:
                    "bind() to port 0 tries the \(half) ports first, and each socket needs a port of its own. Once both halves"
                    + " are in use it fails with EADDRINUSE.",
                now: binderStep,
                prevent: Finding.Step(Self.bindWithoutPort),
                not: "Do not widen the range first: such a program would use up the new ports, too."
            )
        )
    }

    /// Whether the ends of the range have the same parity.
    var rangeEnds: Outcome {
        guard let range = sample.portSysctls.ports else { return .notChecked(Self.noRange) }
        guard range.low % 2 == range.high % 2, range.low < range.high else { return .found([]) }
        return .found(
            Finding(
                check: .rangeEndsSameParity,
                severity: .note,
                key: "",
                title: "The ends of the ephemeral range have the same parity",
                evidence: [
                    .init("range_low", .int(Int(range.low))), .init("range_high", .int(Int(range.high))),
                    .init("ports", .int(range.count)),
                ],
                seen: ["\(range.low)-\(range.high), \(Wording.count(range.count, "port"))"],
                why:
                    "One half has one port more than the other, and connect() can fail while one port is left. The kernel"
                    + " logs this once.",
                now: nil,
                prevent: Finding.Step("Make the last port \(range.low.isMultiple(of: 2) ? "odd" : "even")."),
                not: ""
            )
        )
    }

    // MARK: - Who binds before connect

    /// The process without IP_BIND_ADDRESS_NO_PORT that holds the most ports of the half that
    /// bind() to port 0 tries first.
    private var binder: (process: SocketProcess, count: Int)? {
        guard let owners, let range = sample.portSysctls.ports, let report else { return nil }
        let listening = report.occupancy.listening
        return mainProcess(
            of: owners.sockets.lazy.filter { socket in
                let port = socket.row.localPort
                return range.contains(port) && !range.isConnectFirst(port) && !listening.contains(port)
                    && owners.options[socket.inode]?.bindsWithoutPort != true
            }
        )
    }

    private var binderText: String? {
        binder.map { "likely \($0.process.text): it holds \(Wording.count($0.count)) of these ports now" }
    }

    private var binderStep: Finding.Step {
        guard let process = binder?.process else {
            return Finding.Step("Find the program that binds before it connects:", ["sudo ss -tanp state connected"])
        }
        return process.restartCommand.map { Finding.Step("Restart it to free its ports:", [$0]) }
            ?? Finding.Step("Stop it to free its ports:", [process.stopCommand])
    }
}
