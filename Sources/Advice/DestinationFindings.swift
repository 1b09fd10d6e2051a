import Model

/// Destinations towards which connect() runs out of ports, or has to search for one.
extension Situation {
    private static let notCounted = "destinations could not be counted"
    private static let slowSearch =
        "Above \(Wording.wholePercent(Thresholds.destinationShare)) each connect() has to search for a free port, and takes"
        + " about 20 times as long."

    /// Destinations towards which connect() will fail soon.
    var destinationsExhausting: Outcome {
        guard let destinations = report?.destinations, let usable else { return .notChecked(Self.notCounted) }
        let ending = destinations.nearest.filter { use in
            use.used >= usable || (use.credibleExhaustion ?? .infinity) < Thresholds.exhaustionSeconds
        }
        return .found(ending.map { exhausting($0, usable: usable) })
    }

    private func exhausting(_ use: DestinationUse, usable: Int) -> Finding {
        let seconds = use.used >= usable ? 0 : use.exhaustion ?? 0
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
                "\(seconds < 0.5 ? "No port is left:" : "At 100 %") connect() from \(use.line.destination.source) to it"
                + " fails with EADDRNOTAVAIL. \(Self.slowSearch)",
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
                        "\(Self.slowSearch) At 100 % connect() from \(use.line.destination.source) to it fails with"
                        + " EADDRNOTAVAIL.",
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
            seen: ["range \(text): every port is reserved, bound or has a listener"],
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
        if !rates.isEmpty { seen.append(rates.joined(separator: " and ") + " per second") }
        let clients = clients(of: use)
        if let main = mainProcess(of: clients) {
            seen.append("\(main.process.text) holds \(Wording.count(main.count)) of the live connections")
        } else if let first = clients.first {
            seen.append("\(owner(of: first)) holds live connections")
        }
        return seen
    }

    private func cure(of use: DestinationUse) -> Finding.Step {
        let main = mainProcess(of: clients(of: use))
        if use.line.live > use.line.timeWait {
            if let process = main?.process {
                let text = "Restart the client to free its ports:"
                return process.restartCommand.map { Finding.Step(text, [$0]) }
                    ?? Finding.Step("Stop the client to free its ports:", [process.stopCommand])
            }
            return Finding.Step(
                "Find the client and restart it to free its ports:",
                clientsCommand(use)
            )
        }
        if sample.sysctls?[.tcpTimestamps] == 0 {
            return Finding.Step(
                "Enable TCP timestamps, which reuse of ports in TIME_WAIT requires, and enable that reuse:",
                ["sudo sysctl -w net.ipv4.tcp_timestamps=1", "sudo sysctl -w net.ipv4.tcp_tw_reuse=1"]
            )
        }
        if sample.sysctls?[.tcpTWReuse] == 1 {
            return Finding.Step(
                "tcp_tw_reuse is on already. Slow the client down, or let it keep its connections open. To find it:",
                clientsCommand(use)
            )
        }
        return Finding.Step(
            "Let connect() reuse ports whose TIME_WAIT is older than 1 s. This needs tcp_timestamps at both ends:",
            ["sudo sysctl -w net.ipv4.tcp_tw_reuse=1"]
        )
    }

    /// The command that lists the connections to a destination with their processes.
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
            "In \(program): use a connection pool with an upper bound, or keep-alive. Or let the server close first, or use"
                + " more source addresses, destination addresses or destination ports. \(Self.widenLast)"
        )
    }

    private func warning(of use: DestinationUse) -> String {
        if use.line.live > use.line.timeWait {
            return "Do not rely on tcp_tw_reuse: live connections hold the ports, not TIME_WAITs."
        }
        return
            "Do not lower tcp_fin_timeout or tcp_max_tw_buckets, do not turn off tcp_timestamps, and do not close with"
            + " SO_LINGER 0. Linux 4.12 removed tcp_tw_recycle."
    }
}

extension DestinationUse {
    /// Seconds until no port is left; nil if never, and if only a short burst suggests it: unlike
    /// an alert, a diagnosis has no `for` that outlasts a burst.
    var credibleExhaustion: Double? { isSteady || growth > 0 || exhaustion == 0 ? exhaustion : nil }
}
