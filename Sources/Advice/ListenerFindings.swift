import Model

/// LISTEN ports: lost at the next restart, exposed to outgoing connections, not served; and what is reserved for nobody.
extension Situation {
    /// Services whose next restart fails, because they close first and did not set SO_REUSEADDR.
    var restartsThatWouldFail: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        guard let owners else { return .notChecked("sockets were not asked for SO_REUSEADDR") }
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
            return .notChecked("SO_REUSEADDR of listening sockets may be asked by root only")
        }
        return .found(findings)
    }

    /// How many TIME_WAITs of a port keep a socket from being bound where a listener is now, with the same options
    /// (inet_bind_conflict(), net/ipv4/inet_connection_sock.c).
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
            // Of one that is gone, or was not seen, nobody knows them.
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
            title: "Port \(line.port): \(name) cannot start again for up to 64 s after a stop",
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
                "While one of them lasts bind() fails with EADDRINUSE, and so does the restart. It works as long as the"
                + " service runs.",
            now: Finding.Step(
                "Nothing, until it is restarted. Then let the unit try for longer: RestartSec=5,"
                    + " StartLimitIntervalSec=0."
            ),
            prevent: Finding.Step("In \(name): set SO_REUSEADDR before bind(). Or let clients close first."),
            not: "Do not expect SO_REUSEADDR to help at the first restart: the process that ends needs it too."
        )
    }

    /// Services that can lose their port to an outgoing connection while they are down.
    var exposedListeners: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        guard let range = sample.range else { return .notChecked(Self.noRange) }
        let exposed = PortSet(report.occupancy.listening.filter(range.exposes))
        let lines = Dictionary(uniqueKeysWithValues: report.ports.map { ($0.port, $0) })
        func ratio(_ port: Port) -> Double {
            lines[port]?.collisionRatio ?? report.ephemeral?.ratio(of: port, low: range.ports.low) ?? 0
        }
        func isService(_ port: Port) -> Bool {
            lines[port]?.isRecurring == true || servicePorts.contains(port) || ratio(port) > Thresholds.collisionRatio
                // bind() to port 0 gives the other half first: somebody chose this port.
                || port % 2 == range.ports.low % 2
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
                    "\(count == 1 ? "It listens" : "They listen") in the ephemeral range \(low)-\(range.ports.high) and"
                    + " \(count == 1 ? "is" : "are") not reserved. While \(count == 1 ? "it" : "one") is down, any outgoing"
                    + " connection can be given its port. Risk: the share of the ports of its parity that is in use now.",
                now: Self.reserving(""),
                prevent: Finding.Step("Or move \(count == 1 ? "it" : "them") out of \(low)-\(range.ports.high)."),
                not:
                    "Do not call odd ports safe: bind() to port 0 takes them, and connect() does once the even ones are"
                    + " used."
            )
        )
    }

    /// Services that do not accept their connections.
    var acceptQueues: Outcome {
        guard let report else { return .notChecked(Self.noReport) }
        return .found(report.ports.compactMap(longAcceptQueue))
    }

    private func longAcceptQueue(_ line: PortLine) -> Finding? {
        guard line.isAcceptQueueLong else { return nil }
        // Of two readings both have to say so: one alone may have met a short burst.
        if between != nil, lineBefore(line.port)?.isAcceptQueueLong != true { return nil }
        let limit = line.acceptQueueLimit
        let isOne = line.acceptQueue == 1
        var seen = [
            "\(Wording.count(line.acceptQueue)) in the accept queue"
                + (limit.map { ", which takes \(Wording.count($0 + 1))" } ?? "")
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
                "The kernel has made these connections, and the service has not taken them. With a full queue new clients"
                + " wait, and give up in the end.",
            now: Finding.Step(
                "Look what the service waits for: threads, CPU, descriptors:",
                ["sudo ss -ltnp 'sport = :\(line.port)'"]
            ),
            prevent: nil,
            not: "Do not only raise the backlog: then more clients wait for longer."
        )
    }

    /// Services that do not close what their clients closed.
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
                "Their clients have closed them and wait for the service to do the same. Each keeps a descriptor of the"
                + " service until it does.",
            now: Finding.Step(
                "Restart it\(process?.restartCommand == nil ? "." : ":")",
                process?.restartCommand.map { [$0] } ?? []
            ),
            prevent: Finding.Step("In \(name): call close() when read() returns 0."),
            not: "Do not look for a sysctl: none ends a CLOSE_WAIT, and keepalive probes do not either."
        )
    }

    /// What the reading before said of a port.
    private func lineBefore(_ port: Port) -> PortLine? { earlier?.ports?.ports.first { $0.port == port } }

    /// By how much CLOSE_WAIT has to rise between two readings to be a leak.
    private static let closeWaitRise = 5

    /// Reserved ports that protect nothing.
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
            rows.append([Wording.ports(unused), "in the range, nothing listens; each costs a usable port"])
        }
        if !outside.isEmpty { rows.append([Wording.ports(outside), "out of the range, no use"]) }
        // Long lists wrap, and then there are no columns.
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
                not: "Do not drop the port of a service that is only stopped."
            )
        )
    }

    /// The step that reserves ports, with commands that leave the old file whole when `reserve` refuses.
    static func reserving(_ flags: String, or text: String = "") -> Finding.Step {
        Finding.Step(
            text,
            [
                "timewait_exporter reserve\(flags.isEmpty ? "" : " \(flags)") > 60-reserved-ports.conf &&",
                "sudo install -m 644 60-reserved-ports.conf /etc/sysctl.d/ &&",
                "sudo sysctl -p /etc/sysctl.d/60-reserved-ports.conf",
            ]
        )
    }
}

extension SocketOptions {
    /// Whether a socket with these options may be bound beside a TIME_WAIT with others; where those are not known, whether
    /// it might.
    fileprivate func sharesPort(with other: SocketOptions?) -> Bool {
        guard let other else { return reusesAddress || reusesPort }
        return reusesAddress && other.reusesAddress || reusesPort && other.reusesPort
    }
}

extension PortLine {
    /// Whether more connections wait for accept() than should.
    var isAcceptQueueLong: Bool {
        if acceptQueue > Thresholds.acceptQueue { return true }
        guard let limit = acceptQueueLimit, limit > 0 else { return false }
        return Double(acceptQueue) > Thresholds.acceptQueueShare * Double(limit)
    }
}
