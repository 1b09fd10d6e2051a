package import Model

/// A port that a service cannot bind now: who holds it, for how long, and what frees it, in words.
package struct HeldPort: Sendable {
    /// What the service wants to bind.
    package var end: ListenerEnd
    package var obstacles: [PortObstacle]
    package var owners = SocketOwners()
    package var timing = TimeWaitTiming()
    package var range: EphemeralRange?
    /// Whether the service sets SO_REUSEADDR.
    package var reusesAddress = false

    package init(end: ListenerEnd, obstacles: [PortObstacle]) {
        self.end = end
        self.obstacles = obstacles
    }

    /// The most sockets that are named one by one.
    private static let mostNamed = 3

    /// The sockets that a program, or the other end, keeps.
    private var live: [OwnedSocket] {
        obstacles.map(\.socket).filter { !$0.row.isTimeWaitMiniSocket }
            .sorted { Self.rank($0) < Self.rank($1) }
    }

    /// Listeners first, then what is only bound, then connections.
    private static func rank(_ socket: OwnedSocket) -> Int {
        switch socket.row.state {
        case .listen: 0
        case .boundInactive: 1
        default: 2
        }
    }

    private func timeWaits(accepted: Bool) -> [SocketRow] {
        obstacles.filter { $0.isAccepted == accepted && $0.socket.row.isTimeWaitMiniSocket }.map(\.socket.row)
    }

    /// Who holds the port, and for how long.
    package var holders: String {
        var parts = live.prefix(Self.mostNamed).map(text)
        if live.count > Self.mostNamed { parts.append("\(Wording.count(live.count - Self.mostNamed, "socket")) more") }
        for (accepted, whose) in [(true, "connections accepted on it"), (false, "outgoing connections")] {
            let rows = timeWaits(accepted: accepted)
            guard !rows.isEmpty else { continue }
            parts.append("\(Wording.count(rows.count, "TIME_WAIT")) of \(whose), \(remaining(rows))")
        }
        return parts.joined(separator: "; ")
    }

    /// The port, with the address that the service wants.
    package var name: String {
        end.address == .anyIPv6 && !end.isV6Only
            ? "port \(end.port)" : "port \(end.port) on \(end.address)"
    }

    private func text(_ socket: OwnedSocket) -> String {
        let ends = socket.row.endsText
        let owner = socket.inode == 0 ? "without a process" : "of \(owners.owner(of: socket))"
        return "\(ends) \(owner), until it is closed"
    }

    /// How long the last of some TIME_WAITs can stay.
    private func remaining(_ rows: [SocketRow]) -> String {
        let least = rows.map { Double($0.timerRemaining) / 1000 }.max() ?? 0
        let most = rows.map { row in
            // A FIN_WAIT2 becomes a TIME_WAIT if the other end closes before its timer ends.
            Double(row.timerRemaining) / 1000 + (row.state == .timeWait ? 0 : timing.seconds)
        }.max()
        let whole = Int(((most ?? 0) + TimeWaitTiming.timerRounding).rounded(.up))
        return "the last gone in \(Int(least)) to \(whole) s"
    }

    /// What frees the port, and keeps it free.
    package var cure: String {
        var steps: [String] = []
        if let first = live.first {
            let others = "'sport = :\(end.port)'"
            if let process = owners.process(of: first) {
                // systemd listens for its socket units itself.
                steps.append(
                    process.pid == 1
                        ? "stop the socket unit that holds it: systemctl list-sockets"
                        : "stop the holder: \(process.stopCommand)"
                )
            } else if first.inode == 0 {
                steps.append("end it: sudo ss -tK \(others)")
            } else if first.row.state == .boundInactive {
                steps.append("find the holder: \(Wording.commandToFindBoundHolder(of: end.port))")
            } else {
                steps.append("find the holder: sudo ss -tanp \(others)")
            }
        }
        let hasAccepted = obstacles.contains { $0.isAccepted && $0.socket.row.state != .listen }
        let hasOutgoing = obstacles.contains { !$0.isAccepted && Self.rank($0.socket) == 2 }
        if live.isEmpty { steps.append("wait longer than \(timing.longestText), with a longer --timeout") }
        if hasAccepted, !reusesAddress {
            steps.append("let the service set SO_REUSEADDR before bind(), and say so by --reuse-address")
        }
        if hasOutgoing, range?.exposes(end.port) == true {
            steps.append("reserve the port: timewait_exporter reserve --ports=\(end.port)")
        }
        return steps.joined(separator: "; ")
    }
}

extension SocketRow {
    /// Both ends and the state, as far as the state has them.
    var endsText: String {
        let local = Wording.endpoint(localAddress, localPort)
        switch state {
        case .listen: return "\(local) LISTEN"
        case .boundInactive: return "\(local) bound, not connected"
        default: return "\(local) -> \(Wording.endpoint(remoteAddress, remotePort)) \(state.name.uppercased())"
        }
    }
}
