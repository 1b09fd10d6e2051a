import Model

/// Ephemeral ports that run out: towards one destination, or whatever the destination.
extension Situation {
    private static let notCounted = "destinations could not be counted"

    /// Destinations towards which connect() fails soon.
    var destinationsExhausting: Outcome {
        guard let destinations = report?.destinations, let usable else { return .notChecked(Self.notCounted) }
        let ending = destinations.nearest.filter { use in
            use.used >= usable || (use.credibleExhaustion ?? .infinity) < Thresholds.exhaustionSeconds
        }
        return .found(ending.map { exhausting($0, usable: usable) })
    }

    private func exhausting(_ use: DestinationUse, usable: Int) -> Finding {
        let seconds = use.used >= usable ? 0 : use.exhaustion ?? 0
        let isSearching = Double(use.used) > Thresholds.destinationShare * Double(usable)
        let name = text(use.line.destination)
        return Finding(
            check: .destinationExhausting,
            severity: .critical,
            key: key(of: use),
            title: seconds < 0.5
                ? "\(name): connect() fails now" : "\(name): connect() fails in about \(Wording.duration(seconds))",
            evidence: evidence(of: use, usable: usable),
            seen: seen(of: use, usable: usable),
            why:
                "\(seconds < 0.5 ? "No port is left: c" : "At 100 % c")onnect() from \(use.line.destination.source) to it fails"
                + " with EADDRNOTAVAIL. \(isSearching ? "Since 50 %" : "From 50 % on") each connect() has to search, and takes"
                + " about 20 times as long.",
            now: cure(of: use),
            prevent: prevention(of: use),
            not: warning(of: use),
            failsIn: seconds
        )
    }

    /// Destinations that use more than half of the ports.
    var destinationsHalfUsed: Outcome {
        guard let destinations = report?.destinations, let usable else { return .notChecked(Self.notCounted) }
        if usable == 0 { return .found(noPortUsable) }
        let heavy = destinations.nearest.filter { Double($0.used) > Thresholds.destinationShare * Double(usable) }
        return .found(
            heavy.map { use in
                let share = Double(use.used) / Double(usable)
                return Finding(
                    check: .destinationPortsHalfUsed,
                    severity: share > Thresholds.rangeShare ? .critical : .warning,
                    key: key(of: use),
                    title: "\(text(use.line.destination)) uses \(Wording.wholePercent(share)) of the usable ports",
                    evidence: evidence(of: use, usable: usable),
                    seen: seen(of: use, usable: usable),
                    why:
                        "Since 50 % each connect() from \(use.line.destination.source) to it has to search for a port, and"
                        + " takes about 20 times as long. At 100 % it fails with EADDRNOTAVAIL.",
                    now: cure(of: use),
                    prevent: prevention(of: use),
                    not: warning(of: use),
                    failsIn: use.credibleExhaustion
                )
            }
        )
    }

    private var noPortUsable: Finding {
        let range = sample.portSysctls.ports
        let text = range.map { "\($0.low)-\($0.high)" } ?? "unknown"
        return Finding(
            check: .destinationPortsHalfUsed,
            severity: .critical,
            key: "",
            title: "No port of the ephemeral range is usable: connect() fails",
            evidence: [.init("usable", .int(0))],
            seen: ["range \(text): every port is reserved, listened on or bound"],
            why: "connect() to any destination fails with EADDRNOTAVAIL, and bind() to port 0 with EADDRINUSE.",
            now: Finding.Step(
                "Look at the range and at what is reserved:",
                [
                    "sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports"
                ]
            ),
            prevent: nil,
            not: "Do not reserve more than half of the range.",
            failsIn: 0
        )
    }

    /// The whole range, whatever the destination.
    var rangeNearlyUsed: Outcome {
        guard let report, let use = report.ephemeral else {
            return .notChecked(Self.noRange)
        }
        let seconds = report.ephemeralExhaustion.map { max(0, $0 - sample.now) }
        let isEnding = (seconds ?? .infinity) < Thresholds.exhaustionSeconds
        guard let share = use.share, share > Thresholds.rangeShare || isEnding else { return .found([]) }
        let time = seconds.map { $0 < 0.5 ? "none is left" : "\(Wording.duration($0)) left" } ?? "it does not run out"
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
                    "Programs that bind before they connect share no port with others. With none left bind() to port 0 fails"
                    + " with EADDRINUSE, and connect() with EADDRNOTAVAIL.",
                now: binderStep,
                prevent: Finding.Step(
                    "Set IP_BIND_ADDRESS_NO_PORT before bind(): Go's Dialer.LocalAddr, dig -b and proxies with a source"
                        + " address need it. Last: widen ip_local_port_range, after the service ports in it are reserved."
                ),
                not: "Do not lower tcp_fin_timeout: it does not change TIME_WAIT.",
                failsIn: seconds
            )
        )
    }

    /// The half of the range that bind() to port 0 takes first.
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
                    "\(Wording.count(bind.used)) of \(Wording.count(bind.ports)) usable \(half) ports; no destination needs them"
                ] + (binderText.map { [$0] } ?? []),
                why:
                    "bind() to port 0 takes the \(half) ports first, and shares none of them. With both halves used it fails"
                    + " with EADDRINUSE.",
                now: binderStep,
                prevent: Finding.Step(
                    "Set IP_BIND_ADDRESS_NO_PORT before bind(): Go's Dialer.LocalAddr, dig -b and proxies with a source"
                        + " address need it."
                ),
                not: "Do not widen the range first: a program that shares no port uses that up too."
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
                    "One half has a port more than the other, and connect() can fail with one port left. The kernel says so"
                    + " in its log once.",
                now: nil,
                prevent: Finding.Step("Make the last port \(range.low.isMultiple(of: 2) ? "odd" : "even")."),
                not: ""
            )
        )
    }

    // MARK: - A destination

    private func key(of use: DestinationUse) -> String {
        "\(use.line.destination.source) \(text(use.line.destination))"
    }

    private func clients(of use: DestinationUse) -> [OwnedSocket] {
        let destination = use.line.destination
        return sockets.filter { socket in
            socket.row.remotePort == destination.port && socket.row.remoteAddress == destination.address
                && socket.row.localAddress == destination.source && socket.row.state != .listen
                && (destination.device == 0 || socket.row.device == destination.device)
        }
    }

    private func evidence(of use: DestinationUse, usable: Int) -> [Fact.Member] {
        let destination = use.line.destination
        let main = mainProcess(of: clients(of: use))
        let range = report?.ephemeral?.used ?? 0
        return [
            .init("source", .text("\(destination.source)")),
            .init("address", .text("\(destination.address)")),
            .init("port", .int(Int(destination.port))),
            .init("interface", .optional(zone(destination.device))),
            .init("usable", .int(usable)),
            .init("live", .int(use.line.live)),
            .init("time_wait", .int(use.line.timeWait)),
            .init("reusable", .int(use.line.reusable)),
            .init("new_time_wait_per_second", .double(use.rate)),
            .init("live_growth_per_second", .double(use.growth)),
            .init("exhaustion_seconds", .optional(use.credibleExhaustion)),
            .init("explains_range", .bool(use.used * 5 >= range * 4)),
            .init("process", .optional(main?.process.name)),
            .init("pid", .optional(main.map { Int($0.process.pid) })),
            .init("unit", .optional(main?.process.unit)),
            .init("held_by_process", .optional(main?.count)),
        ]
    }

    private func seen(of use: DestinationUse, usable: Int) -> [String] {
        var seen = [
            "\(Wording.count(use.used)) of \(Wording.count(usable)) usable ports"
                + " (\(Wording.wholePercent(usable == 0 ? 1 : Double(use.used) / Double(usable)))):"
                + " \(Wording.count(use.line.live)) live, \(Wording.count(use.line.timeWait)) TIME_WAIT"
        ]
        var rates: [String] = []
        if use.rate > 0 { rates.append("\(Wording.rate(use.rate)) new TIME_WAITs") }
        if use.growth >= 0.05 { rates.append("\(Wording.rate(use.growth)) more live connections") }
        if !rates.isEmpty { seen.append(rates.joined(separator: " and ") + " a second") }
        let clients = clients(of: use)
        if let main = mainProcess(of: clients) {
            seen.append("\(main.process.text) holds \(Wording.count(main.count)) of the live ones")
        } else if let first = clients.first {
            seen.append("\(owner(of: first)) holds live ones")
        }
        return seen
    }

    private func cure(of use: DestinationUse) -> Finding.Step {
        let main = mainProcess(of: clients(of: use))
        if use.line.live > use.line.timeWait {
            if let process = main?.process {
                let text = "Restart the client, which gives its ports back:"
                return process.restartCommand.map { Finding.Step(text, [$0]) }
                    ?? Finding.Step("Stop the client, which gives its ports back:", [process.stopCommand])
            }
            return Finding.Step(
                "Find the client and restart it, which gives its ports back:",
                clientsCommand(use)
            )
        }
        if sample.sysctls?[.tcpTimestamps] == 0 {
            return Finding.Step(
                "Turn on TCP timestamps, without which no port in TIME_WAIT is reused, and let connect() reuse them:",
                ["sudo sysctl -w net.ipv4.tcp_timestamps=1", "sudo sysctl -w net.ipv4.tcp_tw_reuse=1"]
            )
        }
        if sample.sysctls?[.tcpTWReuse] == 1 {
            return Finding.Step(
                "Slow the client down, or let it keep its connections: tcp_tw_reuse is on already. Find it:",
                clientsCommand(use)
            )
        }
        return Finding.Step(
            "Let connect() take over TIME_WAITs older than 1 s. That needs tcp_timestamps at both ends:",
            ["sudo sysctl -w net.ipv4.tcp_tw_reuse=1"]
        )
    }

    /// The command that shows the connections to a destination, and whose they are.
    private func clientsCommand(_ use: DestinationUse) -> [String] {
        let destination = use.line.destination
        let address = destination.address.isIPv4 ? "\(destination.address)" : "[\(destination.address)]"
        let filter = "'dst \(address) and dport = :\(destination.port)'"
        let command = "sudo ss -tanp \(filter)"
        return command.count <= Finding.Step.longestLine ? [command] : ["sudo ss -tanp \\", "  \(filter)"]
    }

    private func prevention(of use: DestinationUse) -> Finding.Step {
        let program = mainProcess(of: clients(of: use))?.process.shortName ?? "the client"
        return Finding.Step(
            "In \(program): a connection pool with an upper bound, or keep-alive. Else let the server close first, or use"
                + " more destination addresses, ports or source addresses. Last: widen ip_local_port_range, after the"
                + " service ports in it are reserved."
        )
    }

    private func warning(of use: DestinationUse) -> String {
        if use.line.live > use.line.timeWait {
            return "Do not rely on tcp_tw_reuse: live connections hold the ports, not TIME_WAITs."
        }
        return
            "Do not lower tcp_fin_timeout or tcp_max_tw_buckets, do not turn off tcp_timestamps, and do not close with"
            + " SO_LINGER 0. tcp_tw_recycle is gone since Linux 4.12."
    }

    // MARK: - Who binds before connect

    /// The process that holds most ports of the half that bind() to port 0 takes first, without IP_BIND_ADDRESS_NO_PORT.
    private var binder: (process: SocketProcess, count: Int)? {
        guard let owners, let range = sample.portSysctls.ports, let report else { return nil }
        let listening = report.occupancy.listening
        return mainProcess(
            of: owners.sockets.lazy.filter { socket in
                let port = socket.row.localPort
                return range.contains(port) && port % 2 != range.low % 2 && !listening.contains(port)
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
        return process.restartCommand.map { Finding.Step("Restart it, which gives its ports back:", [$0]) }
            ?? Finding.Step("Stop it, which gives its ports back:", [process.stopCommand])
    }
}

extension DestinationUse {
    /// In how many seconds no port is left; nil if never, and where only a burst of a moment says so: there is no alert's
    /// `for` to wait for its end.
    var credibleExhaustion: Double? { isSteady || growth > 0 || exhaustion == 0 ? exhaustion : nil }
}
