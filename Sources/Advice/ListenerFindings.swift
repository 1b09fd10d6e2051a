import Model

/// LISTEN ports that a restart would lose, that outgoing connections can take, or whose service
/// does not accept or close.
extension Situation {
    /// Services whose next restart would fail because they close first and did not set
    /// SO_REUSEADDR.
    var restartsThatWouldFail: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        guard let owners else { return .notChecked("SO_REUSEADDR of the sockets was not read") }
        var findings: [Finding] = []
        var isUnknown = false
        let listeners = Dictionary(grouping: sockets.lazy.filter { $0.row.state == .listen }, by: \.row.localPort)
        for line in report.ports where line.serverTimeWait > 0 {
            let listening = listeners[line.port] ?? []
            let known = listening.compactMap { owners.options[$0.inode] }
            if known.count < listening.count { isUnknown = true }
            for socket in listening {
                guard let options = owners.options[socket.inode] else { continue }
                let count = blockingTimeWaits(of: line, for: socket.row, options, among: listening)
                guard count > 0 else { continue }
                findings.append(wouldFail(line, count, socket))
                break
            }
        }
        if findings.isEmpty, isUnknown {
            return .notChecked("only root can read SO_REUSEADDR of listening sockets")
        }
        return .found(findings)
    }

    /// The number of TIME_WAITs of a port that prevent bind() to the end of a listener with the
    /// same options (inet_bind_conflict(), net/ipv4/inet_connection_sock.c).
    ///
    /// A TIME_WAIT has the options of the listener that accepted its connection.
    private func blockingTimeWaits(
        of line: PortLine,
        for listener: SocketRow,
        _ options: SocketOptions,
        among listening: [OwnedSocket]
    ) -> Int {
        let end = ListenerEnd(listener)
        return line.listenerTimeWait.reduce(0) { count, timeWaits in
            guard end.isBlocked(byTimeWaitsOf: timeWaits.end) else { return count }
            let accepting = listening.filter { ListenerEnd($0.row) == timeWaits.end }
                .map { owners?.options[$0.inode] }
            // The options of a listener that is gone or was not seen are unknown.
            let isAllowed =
                accepting.isEmpty
                ? options.reusesAddress || options.reusesPort : accepting.allSatisfy { options.sharesPort(with: $0) }
            return isAllowed ? count : count + timeWaits.count
        }
    }

    private func wouldFail(_ line: PortLine, _ count: Int, _ socket: OwnedSocket) -> Finding {
        let name = process(of: socket)?.shortName ?? "its service"
        return Finding(
            check: .restartWouldFail,
            severity: .warning,
            key: "\(line.port)",
            title: "Port \(line.port): \(name) cannot start again for up to \(longestTimeWait) after a stop",
            evidence: [
                .init("port", .int(Int(line.port))),
                .init("time_wait", .int(count)),
                .init("reuse_address", .bool(false)),
                .init("owner", ownerFact(of: socket)),
            ],
            seen: [
                "\(Wording.count(count, "TIME_WAIT")) on the port: the service closes first",
                "\(owner(of: socket)) did not set SO_REUSEADDR",
            ],
            why:
                "While one of them lasts, bind() fails with EADDRINUSE, and so does a restart. The running service is not"
                + " affected.",
            now: Finding.Step(
                "Nothing until the next restart. For that, let the unit retry for longer: RestartSec=5,"
                    + " StartLimitIntervalSec=0."
            ),
            prevent: Finding.Step("In \(name): set SO_REUSEADDR before bind(). Or let clients close first."),
            not: "Do not expect SO_REUSEADDR to help at the first restart: the process that stops needs it, too."
        )
    }

    /// Services whose port an outgoing connection can take while they are down.
    var exposedListeners: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        guard let range = sample.range else { return .notChecked(Self.noRange) }
        let exposed = PortSet(report.occupancy.listening.filter(range.exposes))
        let lines = Dictionary(uniqueKeysWithValues: report.ports.map { ($0.port, $0) })
        func ratio(_ port: Port) -> Double {
            lines[port]?.collisionRatio ?? report.ephemeral?.ratio(of: port, in: range.ports) ?? 0
        }
        func isService(_ port: Port) -> Bool {
            lines[port]?.isRecurring == true || servicePorts.contains(port) || ratio(port) > Thresholds.collisionRatio
                // bind() to port 0 tries the other half first, so this port was probably asked for
                // by number.
                || range.ports.isConnectFirst(port)
        }
        guard exposed.contains(where: isService) else { return .found([]) }
        let ports = exposed.sorted { (ratio($1), $0) < (ratio($0), $1) }
        let low = range.ports.low
        var seen = Wording.table(
            ports.prefix(10).map { port in
                ["\(port)", listenerText(on: port) ?? "an unknown process", "risk \(Wording.percent(ratio(port)))"]
            }
        )
        if ports.count > 10 { seen.append("and \(Wording.count(ports.count - 10)) more") }
        let count = ports.count
        return .found(
            Finding(
                check: .listenerExposed,
                severity: .warning,
                key: exposed.listText,
                title: count == 1
                    ? "Port \(ports[0]): \(serviceName(on: ports[0])) can lose its port when it restarts"
                    : "\(Wording.count(count)) services can lose their port when they restart",
                evidence: [
                    .init("ports", .list(exposed.map { .int(Int($0)) })),
                    .init("range_low", .int(Int(low))),
                    .init("range_high", .int(Int(range.ports.high))),
                    .init(
                        "services",
                        .list(
                            ports.prefix(100).map { port in
                                .object([
                                    .init("port", .int(Int(port))),
                                    .init("collision_ratio", .double(ratio(port))),
                                    .init("owner", listeners(on: port).first.map(ownerFact) ?? .null),
                                ])
                            }
                        )
                    ),
                ],
                seen: seen,
                why:
                    "\(count == 1 ? "Its port is" : "Their ports are") in the ephemeral range \(low)-\(range.ports.high) and"
                    + " not reserved. While \(count == 1 ? "it" : "one") is down, any outgoing connection can take its port."
                    + " Risk: the share of the ports of the same parity that is in use now.",
                now: Self.reserving(""),
                prevent: Finding.Step("Or move \(count == 1 ? "it" : "them") out of \(low)-\(range.ports.high)."),
                not:
                    "Do not call odd ports safe: bind() to port 0 takes them, and so does connect() once the even ports are"
                    + " in use."
            )
        )
    }

    /// Services with connections that wait for accept().
    var acceptQueues: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        return .found(report.ports.compactMap(longAcceptQueue))
    }

    private func longAcceptQueue(_ line: PortLine) -> Finding? {
        guard line.isAcceptQueueLong else { return nil }
        // Both of two readings have to show it: a single one may catch a short burst.
        if between != nil, lineBefore(line.port)?.isAcceptQueueLong != true { return nil }
        let limit = line.acceptQueueLimit
        let isOne = line.acceptQueue == 1
        var seen = [
            "\(Wording.count(line.acceptQueue)) in the accept queue"
                + (limit.map { ", which holds \(Wording.count($0 + 1))" } ?? "")
        ]
        if let owner = listenerText(on: line.port) { seen.append(owner) }
        return Finding(
            check: .acceptQueueGrowing,
            severity: .warning,
            key: "\(line.port)",
            title: "Port \(line.port): \(Wording.count(line.acceptQueue, "connection")) \(isOne ? "waits" : "wait") for"
                + " \(serviceName(on: line.port)) to accept \(isOne ? "it" : "them")",
            evidence: [
                .init("port", .int(Int(line.port))),
                .init("waiting", .int(line.acceptQueue)),
                .init("limit", .optional(limit)),
                .init("owner", listeners(on: line.port).first.map(ownerFact) ?? .null),
            ],
            seen: seen,
            why:
                "The kernel has established these connections, and the service has not accepted them. Once the queue is"
                + " full, new clients wait and finally give up.",
            now: Finding.Step(
                "Find what the service waits for: threads, CPU, descriptors:",
                ["sudo ss -ltnp 'sport = :\(line.port)'"]
            ),
            prevent: nil,
            not: "Do not raise the backlog alone: more clients would wait for longer."
        )
    }

    /// Services that do not close connections that their clients have closed.
    var closeWaits: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        return .found(report.ports.compactMap(openCloseWaits))
    }

    private func openCloseWaits(_ line: PortLine) -> Finding? {
        let isMany = line.closeWait > Thresholds.closeWait && line.closeWait > line.established
        let rise = between == nil ? nil : line.closeWait - (lineBefore(line.port)?.closeWait ?? line.closeWait)
        let isRising = (rise ?? 0) >= Self.closeWaitRise && line.closeWait > line.established
        guard isMany || isRising else { return nil }
        let name = serviceName(on: line.port)
        let process = listeners(on: line.port).first.flatMap { self.process(of: $0) }
        let more = (rise ?? 0) > 0 ? ", \(Wording.count(rise ?? 0)) more in \(Wording.duration(between ?? 0))" : ""
        var seen = [
            "\(Wording.count(line.closeWait)) CLOSE_WAIT, \(Wording.count(line.established)) ESTABLISHED\(more)"
        ]
        if let owner = listenerText(on: line.port) { seen.append(owner) }
        return Finding(
            check: .closeWaitGrowing,
            severity: .warning,
            key: "\(line.port)",
            title: "Port \(line.port): \(name) does not close \(Wording.count(line.closeWait)) connections",
            evidence: [
                .init("port", .int(Int(line.port))),
                .init("close_wait", .int(line.closeWait)),
                .init("established", .int(line.established)),
                .init("rise", .optional(rise)),
                .init("owner", listeners(on: line.port).first.map(ownerFact) ?? .null),
            ],
            seen: seen,
            why:
                "The clients have closed these connections, and the service has not. Each keeps a descriptor of the service"
                + " until it is closed.",
            now: Finding.Step(
                "Restart it\(process?.restartCommand == nil ? "." : ":")",
                process?.restartCommand.map { [$0] } ?? []
            ),
            prevent: Finding.Step("In \(name): call close() when read() returns 0."),
            not: "Do not look for a sysctl: none ends a CLOSE_WAIT, and keepalive probes do not either."
        )
    }

    /// A port in the earlier reading.
    private func lineBefore(_ port: Port) -> PortLine? { earlier?.ports?.ports.first { $0.port == port } }

    /// The rise of CLOSE_WAIT between two readings from which it is a leak.
    private static let closeWaitRise = 5
}

extension SocketOptions {
    /// Whether a socket with these options can share its port with a TIME_WAIT with other options;
    /// if those are unknown, whether it may be able to.
    fileprivate func sharesPort(with other: SocketOptions?) -> Bool {
        guard let other else { return reusesAddress || reusesPort }
        return reusesAddress && other.reusesAddress || reusesPort && other.reusesPort
    }
}

extension PortLine {
    /// Whether too many connections wait for accept().
    var isAcceptQueueLong: Bool {
        if acceptQueue > Thresholds.acceptQueue { return true }
        guard let limit = acceptQueueLimit, limit > 0 else { return false }
        return Double(acceptQueue) > Thresholds.acceptQueueShare * Double(limit)
    }
}
