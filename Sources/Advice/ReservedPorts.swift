package import Model

/// What `ip_local_reserved_ports` should be on a machine: what it is, and the ports of services
/// that an outgoing connection could take. The kernel has one list, and a write replaces it, so
/// that this is always the whole list.
package struct ReservedPorts: Sendable {
    /// What the kernel says.
    package struct Facts: Sendable {
        /// The ephemeral range and the list of now.
        package var range: EphemeralRange
        /// The ports on which something listens.
        package var listening: PortSet
        /// The local ports of UDP sockets.
        package var udp = PortSet()
        /// What the services that listen are called, as far as it is known.
        package var names: [Port: String] = [:]
        /// The ports of `names` of which only the user was seen.
        package var namedByUser = PortSet()

        /// A machine of which only this is known.
        package init(range: EphemeralRange, listening: PortSet) {
            self.range = range
            self.listening = listening
        }

        /// Takes in who owns the LISTEN sockets: the systemd service, else the command, else the
        /// user. Where several listen on a port, all are named.
        package mutating func note(_ owners: SocketOwners) {
            var all: [Port: Set<String>] = [:]
            for socket in owners.sockets where socket.row.state == .listen {
                let port = socket.row.localPort
                if let process = owners.processes[socket.inode] {
                    // A scope, such as that of a session, is no service's name.
                    let service = process.unit.flatMap { $0.hasSuffix(".service") ? $0 : nil }
                    all[port, default: []].insert(service ?? process.name)
                } else {
                    all[port, default: []].insert("user \(owners.userNames[socket.user] ?? String(socket.user))")
                    namedByUser.insert(port)
                }
            }
            names = all.mapValues { $0.sorted().joined(separator: ", ") }
        }
    }

    /// What the user asks for.
    package struct Request: Sendable {
        /// Ports to reserve whether something listens or not.
        package var ports = PortSet()
        /// Ports that need not be reserved although something listens.
        package var excluded = PortSet()
        /// Whether ports outside of the range are to be reserved too, for the day on which it is
        /// widened.
        package var takesAllListening = false

        /// All exposed LISTEN ports, and no others.
        package init() {}
    }

    /// Why there is no list.
    package enum Refusal: Error, Equatable, CustomStringConvertible {
        /// Fewer than half of the ports of the range would stay.
        case tooFewStay(reserved: Int, range: Int)
        /// The list is longer than one write() takes.
        case tooLong(bytes: Int)
        /// Nothing is exposed, asked for or reserved.
        case nothing(PortRange)

        /// What is wrong, and what would be right.
        package var description: String {
            switch self {
            case .tooFewStay(let reserved, let range):
                "\(Wording.count(reserved, "port")) would be reserved of \(Wording.count(range)), which leaves "
                    + "\(Wording.count(range - reserved)); at least half of the range has to stay"
            case .tooLong(let bytes):
                "the list has \(Wording.count(bytes)) bytes as ranges; one write() takes "
                    + "\(Wording.count(ReservedPorts.longestList)) and a newline: reserve fewer ports, or neighbours"
            case .nothing(let range):
                "there is nothing to reserve: nothing listens in \(range.low)-\(range.high), and no port is reserved now"
            }
        }
    }

    /// The bytes of a list that one write() takes with the newline that sysctl and systemd-sysctl
    /// put behind it: 4,095 together. proc_do_large_bitmap() of kernel/sysctl.c reads a page less
    /// one, and cuts at the last comma without an error.
    package static let longestList = 4094

    let facts: Facts
    let request: Request
    /// The ports that should be reserved, and are not.
    package let missing: PortSet
    /// What is reserved now and what should be, in one list.
    package let all: PortSet

    /// Compares what is with what should be.
    package init(_ facts: Facts, _ request: Request) {
        self.facts = facts
        self.request = request
        let listening = facts.listening.subtracting(request.excluded)
        let services = request.takesAllListening ? listening : listening.intersection(PortSet(facts.range.ports))
        missing = services.union(request.ports).subtracting(facts.range.reserved)
        all = facts.range.reserved.union(missing)
    }

    /// The ports of the list that lie in the range.
    var inRange: PortSet { all.intersection(PortSet(facts.range.ports)) }

    /// Why the list must not be put in force; nil where it may.
    package var refusal: Refusal? {
        if all.isEmpty { return .nothing(facts.range.ports) }
        let (reserved, size) = (inRange.count, facts.range.ports.count)
        if 2 * (size - reserved) < size { return .tooFewStay(reserved: reserved, range: size) }
        let bytes = all.listText.utf8.count
        return bytes > Self.longestList ? .tooLong(bytes: bytes) : nil
    }
}
