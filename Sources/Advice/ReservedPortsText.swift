import Model

extension ReservedPorts {
    /// Neighbouring ports of which the same is to be said.
    private struct Line {
        var ports: PortRange
        /// Whose ports they are.
        var owner: String
        var isMissing: Bool
        var isAskedFor: Bool
        var isOutside: Bool

        func isSame(as other: Line) -> Bool {
            (owner, isMissing, isAskedFor, isOutside)
                == (other.owner, other.isMissing, other.isAskedFor, other.isOutside)
        }

        var portText: String { ports.count == 1 ? "\(ports.low)" : "\(ports.low)-\(ports.high)" }

        /// That a port outside of the range needs no protection, where its owner does not say so.
        var use: String {
            guard isOutside else { return "" }
            return owner == ReservedPorts.outside ? ", no use" : ", out of the range"
        }

        /// Since when the port is in the list.
        var standing: String {
            (isMissing ? isAskedFor ? "added, asked for by --ports" : "added" : "reserved before") + use
        }
    }

    private static let outside = "out of the range"

    /// A line for each port, and one for neighbours that differ in nothing else.
    private var lines: [Line] {
        var lines: [Line] = []
        for port in all {
            let isOutside = !facts.range.ports.contains(port)
            let line = Line(
                ports: PortRange(port),
                owner: owner(of: port, isOutside: isOutside),
                isMissing: missing.contains(port),
                isAskedFor: request.ports.contains(port),
                isOutside: isOutside
            )
            if let last = lines.last, last.ports.high + 1 == port, last.isSame(as: line),
                let ports = PortRange(low: last.ports.low, high: port)
            {
                lines[lines.count - 1].ports = ports
            } else {
                lines.append(line)
            }
        }
        return lines
    }

    private func owner(of port: Port, isOutside: Bool) -> String {
        if facts.listening.contains(port) { return facts.names[port].map(Wording.name) ?? "an unknown service" }
        if facts.udp.contains(port) { return "a UDP socket" }
        return isOutside ? Self.outside : "nothing listens"
    }

    /// The file for /etc/sysctl.d.
    ///
    /// - Parameters:
    ///   - host: the machine's name.
    ///   - date: the day, as `2026-11-26`.
    ///   - version: the exporter's version.
    package func file(host: String, date: String, version: String) -> String {
        let lines = lines
        let width = 4 + (lines.map(\.owner.count).max() ?? 0)
        var text = """
            # ip_local_reserved_ports of \(Wording.name(host)), \(date), by timewait_exporter \(version)
            # The kernel has one list and a write replaces it: this is the whole list.
            #

            """
        for line in lines {
            text += "# \(padded(line.portText, to: 13))\(padded(line.owner, to: width))\(line.standing)\n"
        }
        return text + "net.ipv4.ip_local_reserved_ports = \(all.listText)\n"
    }

    /// What to do with the file, in lines of at most 80 characters but for commands.
    ///
    /// - Parameters:
    ///   - command: what printed it; nil where it is in a file already.
    ///   - files: what the files of sysctl.d set.
    package func advice(command: String?, files: ReservedPortsFiles) -> String {
        let size = facts.range.ports.count
        var text =
            "\(added); \(Wording.count(size - inRange.count)) of \(Wording.count(size)) ports of the range stay.\n"
        text += "To apply:\n" + Self.commands(command)
        let outside = request.ports.subtracting(PortSet(facts.range.ports))
        if !outside.isEmpty {
            text += """
                Warning: \(Wording.ports(outside)) \(outside.count == 1 ? "lies" : "lie") outside of the range \
                \(rangeText): no outgoing connection takes \(outside.count == 1 ? "it" : "them") anyway.

                """
        }
        for path in files.laterFiles { text += "Warning: \(path) sets the same key and is read later.\n" }
        for problem in files.problems { text += "Warning: \(problem)\n" }
        let unseen = all.intersection(facts.namedByUser).count
        if unseen > 0 {
            text += """
                Note: \(Wording.count(unseen, "service")) \(unseen == 1 ? "goes" : "go") by the name of the user; root sees \
                the programs.

                """
        }
        let random = perhapsRandom
        if !random.isEmpty {
            text += """
                Note: bind() to port 0 gives \(facts.range.ports.low.isMultiple(of: 2) ? "odd" : "even") ports here. If it \
                gave \(Wording.ports(random)), leave them out:
                  --ports.exclude=\(random.listText)

                """
        }
        return text + """
            Containers and pods: their network namespaces start with an empty list. Use
            --sysctl of docker run, or securityContext.sysctls of the pod.

            """
    }

    private var added: String { missing.isEmpty ? "No port added" : "\(Wording.count(missing.count, "port")) added" }
    private var rangeText: String { "\(facts.range.ports.low)-\(facts.range.ports.high)" }

    /// Added ports that a program may have been given at random: bind() to port 0 begins with the
    /// parity that `low` does not have (inet_csk_find_open_port(),
    /// net/ipv4/inet_connection_sock.c). One reading cannot tell them from those that somebody
    /// chose.
    private var perhapsRandom: PortSet {
        let ports = missing.subtracting(request.ports).intersection(PortSet(facts.range.ports))
        return ports.subtracting(ports.sharingParity(of: facts.range.ports.low))
    }

    /// The commands that put the file in force once it is written.
    static let installCommands = [
        "sudo install -m 644 \(ReservedPortsFiles.name) /etc/sysctl.d/ &&",
        "sudo sysctl -p /etc/sysctl.d/\(ReservedPortsFiles.name)",
    ]

    /// The commands that write the file and put it in force. If the first one fails, the old file
    /// stays unchanged.
    private static func commands(_ command: String?) -> String {
        let write = command.map { ["\($0) > \(ReservedPortsFiles.name) &&"] } ?? []
        return (write + installCommands).map { "  \($0)\n" }.joined()
    }

    /// What `--check` prints: what should be reserved and is not, and what the next boot changes.
    ///
    /// - Parameters:
    ///   - command: what prints the file.
    ///   - files: what the files of sysctl.d set.
    package func check(command: String, files: ReservedPortsFiles) -> String {
        var text = ""
        if missing.isEmpty {
            text += "\(nothingMissing)\n"
        } else {
            for line in lines {
                text += "\(line.isMissing ? "+" : " ") \(padded(line.portText, to: 13))\(line.owner)\(line.use)\n"
            }
            let subject = missing.count == 1 ? "port is" : "ports are"
            text += """

                \(Wording.count(missing.count)) \(subject) not reserved that should be: \(missing.listText)
                To reserve \(missing.count == 1 ? "it" : "them"):
                \(Self.commands(command))
                """
        }
        return text + files.atNextBoot(reserved: facts.range.reserved)
    }

    private var nothingMissing: String {
        let range = PortSet(facts.range.ports)
        let listening = facts.listening.subtracting(request.excluded)
        let count = (request.takesAllListening ? listening : listening.intersection(range)).count
        let place = request.takesAllListening ? "" : " in \(rangeText)"
        let others = request.excluded.isEmpty ? "" : " but those of --ports.exclude"
        let asked = request.ports.isEmpty ? "" : " The ports of --ports are reserved."
        switch count {
        case 0: return "Nothing listens\(place)\(others).\(asked)"
        case 1: return "The only listening port\(place)\(others) is reserved.\(asked)"
        default: return "All \(Wording.count(count)) listening ports\(place)\(others) are reserved.\(asked)"
        }
    }

    private func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
