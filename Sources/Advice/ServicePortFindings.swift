import Model

/// Ports that services cannot bind: taken by others, blocked by old connections, or connected to
/// themselves.
extension Situation {
    /// Ports of stopped services that other sockets hold.
    var servicePortsTaken: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        let tcp = report.services.compactMap { line in taken(line, isUDP: false) }
        let udp = (sample.udpServices?.lines ?? []).compactMap { line in taken(line, isUDP: true) }
        return .found(tcp + udp)
    }

    private func taken(_ line: ServiceLine, isUDP: Bool) -> Finding? {
        guard !line.isListening, let holders = line.holders, holders.other > 0, !holders.isBindableReusing else {
            return nil
        }
        let port = line.port
        let live = isUDP ? [] : sockets.filter { $0.row.localPort == port }
        let seconds = freeIn(holders.free)
        // A live socket exists even if its owner could not be read.
        let isLive = isUDP || !live.isEmpty || holders.free == .never
        let holding =
            isUDP
            ? "another socket holds it" : isLive ? "another socket holds its port" : "TIME_WAITs of others hold it"
        let holder = live.first.flatMap { process(of: $0) }
        var seen = live.prefix(3).flatMap { socket in [text(socket), owner(of: socket)] }
        if live.count > 3 { seen.append("and \(Wording.count(live.count - 3, "socket")) more") }
        if isUDP {
            seen.append("\(Wording.count(holders.other, "UDP socket")), not of the service")
        } else if isLive, live.isEmpty {
            seen.append("\(Wording.count(holders.other, "socket")) of other programs")
        } else if live.isEmpty {
            let end = seconds.map { ", free in \(Wording.duration($0))" } ?? ""
            seen.append("\(Wording.count(holders.other, "TIME_WAIT")) of other programs\(end)")
        }
        let isEphemeral = sample.range?.exposes(port) == true
        let cause =
            isEphemeral
            ? "Port \(port) is in the ephemeral range and not reserved, so connect() can take it."
            : sample.range?.ports.contains(port) == true
                ? "Port \(port) is reserved now, but was taken before that, or a program asked for it by number."
                : "Port \(port) is outside the ephemeral range: a program asked for it by number."
        let isBoundOnly = !live.isEmpty && live.allSatisfy { $0.row.state == .boundInactive }
        let effect =
            isUDP || isBoundOnly
            ? " bind() fails with EADDRINUSE until that socket is closed."
            : isLive
                ? " bind() fails with EADDRINUSE until the connection is gone, and for up to \(longestTimeWait) more if it"
                    + " ends in TIME_WAIT."
                : " bind() fails with EADDRINUSE until the last TIME_WAIT is gone."
        return Finding(
            check: .servicePortTaken,
            severity: line.origin == .learnt ? .warning : .critical,
            key: isUDP ? "\(port)/udp" : "\(port)",
            title: "\(isUDP ? "UDP port" : "Port") \(port): its service cannot start, \(holding)",
            evidence: [
                .init("port", .int(Int(port))),
                .init("protocol", .text(isUDP ? "udp" : "tcp")),
                .init("origin", .text(line.origin.rawValue)),
                .init(
                    "bindable",
                    .object([
                        .init("plain", .bool(holders.isBindablePlain)),
                        .init("reuse_address", .bool(holders.isBindableReusing)),
                    ])
                ),
                .init("held_sockets", .int(holders.other)),
                .init("free_in_seconds", .optional(seconds.map { $0.rounded() })),
                .init("holders", .list(live.prefix(10).map(fact))),
            ],
            seen: seen,
            why: cause + effect,
            now: cureOfTaken(
                port,
                isLive: isLive,
                isBoundOnly: isBoundOnly,
                holder: holder,
                seconds: seconds,
                isUDP: isUDP
            ),
            prevent: isEphemeral ? Self.reserving("--ports=\(port)") : nil,
            not: isBoundOnly
                ? "Do not rely on SO_REUSEADDR: both sockets need it."
                : "Do not rely on SO_REUSEADDR: both sockets need it, and an outgoing connection does not set it.",
            failsIn: 0
        )
    }

    private func cureOfTaken(
        _ port: Port,
        isLive: Bool,
        isBoundOnly: Bool,
        holder: SocketProcess?,
        seconds: Double?,
        isUDP: Bool
    ) -> Finding.Step {
        if isUDP {
            return Finding.Step(
                "Find the holder and close it, then start the service:",
                ["sudo ss -uanp 'sport = :\(port)'"]
            )
        }
        if !isLive {
            let wait = seconds.map { "Wait \(Wording.duration($0))" } ?? "Wait"
            return Finding.Step(
                "\(wait), then start the service. Or end the TIME_WAITs at once:",
                ["sudo ss -tK state time-wait 'sport = :\(port)'"]
            )
        }
        if let holder { return Finding.Step("Stop the holder, then start the service:", [holder.stopCommand]) }
        if isBoundOnly {
            return Finding.Step(
                "Find the holder and close it, then start the service:",
                [Wording.commandToFindBoundHolder(of: port)]
            )
        }
        return Finding.Step(
            "Find the holder and close it, then start the service:",
            ["sudo ss -tanp 'sport = :\(port)'"]
        )
    }

    /// Ports of stopped services that only their own old connections hold.
    var servicePortsBlocked: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        return .found(report.services.compactMap(blocked))
    }

    private func blocked(_ line: ServiceLine) -> Finding? {
        guard !line.isListening, let holders = line.holders, holders.own > 0, holders.other == 0,
            !holders.isBindablePlain
        else { return nil }
        let live = sockets.filter { $0.row.localPort == line.port }
        let timeWaits = max(0, holders.own - live.count)
        let seconds = freeIn(holders.free)
        var seen: [String] = []
        if timeWaits > 0 {
            let end = live.isEmpty ? seconds.map { "; free in \(Wording.duration($0))" } ?? "" : ""
            seen.append("\(Wording.count(timeWaits, "TIME_WAIT"))\(end)")
        }
        if let first = live.first {
            seen.append("\(Wording.count(live.count, "live connection")); \(owner(of: first))")
        }
        let wait = seconds.map { "wait \(Wording.duration($0)), then" } ?? "close the remaining connections, then"
        return Finding(
            check: .servicePortBlocked,
            severity: .warning,
            key: "\(line.port)",
            title:
                "Port \(line.port): \(Wording.count(holders.own, "old connection")) of its service can block its restart",
            evidence: [
                .init("port", .int(Int(line.port))),
                .init("time_wait", .int(timeWaits)),
                .init("live", .int(live.count)),
                .init("free_in_seconds", .optional(seconds.map { $0.rounded() })),
            ],
            seen: seen,
            why:
                "Without SO_REUSEADDR bind() fails with EADDRINUSE while connections remain that the service had accepted."
                + " Whether the service sets it cannot be seen while it is down.",
            now: Finding.Step("Start the service. If bind() fails: \(wait) start it again."),
            prevent: Finding.Step(
                "Set SO_REUSEADDR before bind(), in the process that stops as well as in the next one. Let clients close"
                    + " first. Let the unit retry for longer: RestartSec=5."
            ),
            not: "Do not restart it in a loop: bind() fails until the last connection is gone.",
            failsIn: 0
        )
    }

    /// Clients whose own port is the port that they dial.
    var selfConnections: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        var findings: [Finding] = []
        // Live sockets come first: a TIME_WAIT on the same port ends by itself.
        let ends =
            report.selfConnectedEnds.filter { $0.state != .timeWait }
            + report.selfConnectedEnds.filter { $0.state == .timeWait }
        for end in ends where !findings.contains(where: { $0.key == "\(end.port)" }) {
            findings.append(selfConnection(end))
        }
        return .found(findings)
    }

    private func selfConnection(_ end: SelfConnected) -> Finding {
        let socket = sockets.first { socket in
            socket.row.localPort == end.port && socket.row.remotePort == end.port
                && socket.row.localAddress == end.address && socket.row.remoteAddress == end.address
        }
        let process = socket.flatMap { self.process(of: $0) }
        let text = Wording.endpoint(end.address, end.port)
        let isOver = end.state == .timeWait
        let restart = process?.restartCommand
        let now: Finding.Step =
            if isOver {
                Finding.Step("Wait until it is gone, \(longestTimeWait) at most, then start the service.")
            } else if let restart {
                Finding.Step("Restart the client, then start the service:", [restart])
            } else if let process {
                Finding.Step("Stop the client, start the service, then start the client:", [process.stopCommand])
            } else {
                Finding.Step(
                    "Find the client and restart it, then start the service:",
                    ["sudo ss -tanp 'sport = :\(end.port)'"]
                )
            }
        return Finding(
            check: .selfConnected,
            severity: .critical,
            key: "\(end.port)",
            title: "Port \(end.port): a client is connected to itself",
            evidence: [
                .init("address", .text("\(end.address)")),
                .init("port", .int(Int(end.port))),
                .init("state", .text(end.state.name)),
                .init("owner", socket.map(ownerFact) ?? .null),
            ],
            seen: ["\(text) <-> \(text) \(end.state.name.uppercased())"] + (socket.map { [owner(of: $0)] } ?? []),
            why:
                "The client dialed a port of this host that had no listener, and the kernel chose the same port for the"
                + " client's own end. The client talks to itself, and the service cannot bind its port.",
            now: now,
            prevent: Self.reserving(
                "--ports=\(end.port)",
                or: "Let the client refuse a connection whose two ends are the same, and reserve the port:"
            ),
            not: "Do not restart the service alone: bind() fails as long as the client holds the port.",
            failsIn: 0
        )
    }

    // MARK: - Shared parts

    /// Seconds until a port is free; nil if unknown.
    private func freeIn(_ free: ServiceHolders.Free) -> Double? {
        switch free {
        case .now: 0
        case .from(let moment): max(0, moment - sample.now)
        case .never: nil
        }
    }

    private func text(_ socket: OwnedSocket) -> String { socket.row.endsText }

    private func fact(_ socket: OwnedSocket) -> Fact {
        let row = socket.row
        let isConnected = row.state != .listen && row.state != .boundInactive
        return .object([
            .init("local", .text(Wording.endpoint(row.localAddress, row.localPort))),
            .init("remote", isConnected ? .text(Wording.endpoint(row.remoteAddress, row.remotePort)) : .null),
            .init("state", .text(row.state.name)),
            .init("owner", ownerFact(of: socket)),
        ])
    }
}
