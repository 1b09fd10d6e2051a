package import Model

/// The value that `ip_local_reserved_ports` should have on a host: its current value and the ports
/// of services that an outgoing connection could take. The kernel has one list, and a write
/// replaces it, so this is always the whole list.
package struct ReservedPorts: Sendable {
    /// What was read from the kernel.
    package struct Facts: Sendable {
        /// The ephemeral range and the current list.
        package var range: EphemeralRange
        /// The ports with a listener.
        package var listening: PortSet
        /// The local ports of UDP sockets.
        package var udp = PortSet()
        /// The names of the listening services, if known.
        package var names: [Port: String] = [:]
        /// The ports of `names` that are named by their user only.
        package var namedByUser = PortSet()

        package init(range: EphemeralRange, listening: PortSet) {
            self.range = range
            self.listening = listening
        }

        /// Adds the owners of the LISTEN sockets: the systemd service, else the command, else the
        /// user. If several listen on a port, all are named.
        package mutating func note(_ owners: SocketOwners) {
            var all: [Port: Set<String>] = [:]
            for socket in owners.sockets where socket.row.state == .listen {
                let port = socket.row.localPort
                if let process = owners.processes[socket.inode] {
                    // A scope, such as that of a session, is not the name of a service.
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

    /// What the user requests.
    package struct Request: Sendable {
        /// Ports to reserve with or without a listener.
        package var ports = PortSet()
        /// Ports not to reserve in spite of a listener.
        package var excluded = PortSet()
        /// Whether to reserve ports outside the range, too, in case it is widened later.
        package var takesAllListening = false

        package init() {}
    }

    /// Why the list must not be applied.
    package enum Refusal: Error, Equatable, CustomStringConvertible {
        /// Less than half of the range would remain.
        case tooFewStay(reserved: Int, range: Int)
        /// The list is longer than one write() accepts.
        case tooLong(bytes: Int)
        /// No port is exposed, requested or reserved.
        case nothing(PortRange)

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

    /// The most bytes in a list. With the newline that sysctl and systemd-sysctl append these are
    /// 4,095, which is what proc_do_large_bitmap() in kernel/sysctl.c reads: a longer list it cuts
    /// at the last comma, without an error.
    package static let longestList = 4094

    let facts: Facts
    let request: Request
    /// The ports that should be reserved but are not.
    package let missing: PortSet
    /// The reserved ports and the missing ones.
    package let all: PortSet

    package init(_ facts: Facts, _ request: Request) {
        self.facts = facts
        self.request = request
        let listening = facts.listening.subtracting(request.excluded)
        let services = request.takesAllListening ? listening : listening.intersection(PortSet(facts.range.ports))
        missing = services.union(request.ports).subtracting(facts.range.reserved)
        all = facts.range.reserved.union(missing)
    }

    /// The ports of the list that are in the range.
    var inRange: PortSet { all.intersection(PortSet(facts.range.ports)) }

    /// Why the list must not be applied; nil if it may be.
    package var refusal: Refusal? {
        if all.isEmpty { return .nothing(facts.range.ports) }
        let (reserved, size) = (inRange.count, facts.range.ports.count)
        if 2 * (size - reserved) < size { return .tooFewStay(reserved: reserved, range: size) }
        let bytes = all.listText.utf8.count
        return bytes > Self.longestList ? .tooLong(bytes: bytes) : nil
    }
}

/// The value of `ip_local_reserved_ports` at the next boot, according to the files that
/// systemd-sysctl(8) reads.
package struct ReservedPortsFiles: Sendable {
    /// A line that sets the list.
    package struct Setting: Equatable, Sendable {
        package var path: String
        /// Counted from 1.
        package var line: Int
        /// The text after the equals sign.
        package var value: String
    }

    /// The name of the file that `reserve` prints.
    package static let name = "60-reserved-ports.conf"

    /// The folders; a file hides files of the same name in later folders.
    package static let folders = [
        "/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d",
    ]

    /// The file that `sysctl --system` reads after all others. systemd-sysctl reads it only through
    /// a link in sysctl.d.
    package static let last = "/etc/sysctl.conf"

    /// The lines that set the list, in the order of reading: the last one wins.
    private let settings: [(setting: Setting, ports: PortSet?)]
    /// Files and lines that could not be read.
    package private(set) var problems: [String]

    /// - Parameters:
    ///   - settings: the lines that set the list, in the order of reading.
    ///   - problems: files that could not be read.
    package init(_ settings: [Setting] = [], problems: [String] = []) {
        var problems = problems
        self.settings = settings.map { setting in
            do throws(PortSet.ListError) {
                return (setting, try PortSet(list: Array(setting.value.utf8).span))
            } catch {
                problems.append("\(Self.place(setting)): this is no list of ports: \(error)")
                return (setting, nil)
            }
        }
        self.problems = problems
    }

    /// The files in the order of reading: by name, whatever their folder.
    ///
    /// - Parameter names: the names in each of `folders`.
    package static func order(_ names: [[String]]) -> [String] {
        var paths: [String: String] = [:]
        for (folder, names) in zip(folders, names) {
            for name in names where name.hasSuffix(".conf") && paths[name] == nil { paths[name] = "\(folder)/\(name)" }
        }
        return paths.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map(\.value)
    }

    /// The lines of a file that set the list: `net.ipv4.ip_local_reserved_ports = 8080`, with
    /// slashes instead of dots, or with a `-` in front, which ignores errors.
    package static func settings(in file: [UInt8], path: String) -> [Setting] {
        let lines = file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.enumerated().compactMap { index, bytes in
            var line = trimmed(bytes)
            guard let first = line.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else { return nil }
            if first == UInt8(ascii: "-") { line = trimmed(line.dropFirst()) }
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let key = String(decoding: trimmed(line[..<equals]), as: UTF8.self)
            guard keys.contains(key) else { return nil }
            let value = String(decoding: trimmed(line[(equals + 1)...]), as: UTF8.self)
            return Setting(path: path, line: index + 1, value: value)
        }
    }

    private static let keys: Set = [
        "net.ipv4.ip_local_reserved_ports", "net/ipv4/ip_local_reserved_ports",
        "/proc/sys/net/ipv4/ip_local_reserved_ports",
    ]

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }
        var bytes = bytes.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return bytes
    }

    private static func place(_ setting: Setting) -> String { "\(shown(setting.path)):\(setting.line)" }

    /// A path with its untrusted file name escaped.
    private static func shown(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return Wording.name(path) }
        return path[...slash] + Wording.name(String(path[path.index(after: slash)...]))
    }

    /// The files that override a file of our name.
    package var laterFiles: [String] {
        var paths: [String] = []
        for (setting, _) in settings where Self.isLater(setting.path) && !paths.contains(Self.shown(setting.path)) {
            paths.append(Self.shown(setting.path))
        }
        return paths
    }

    private static func isLater(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        return path == last || Self.name.utf8.lexicographicallyPrecedes(name.utf8)
    }

    /// How the list at the next boot differs from the current one; empty if it does not.
    func atNextBoot(reserved: PortSet) -> String {
        let valid = settings.compactMap { setting, ports in ports.map { (setting, $0) } }
        let boot = valid.last?.1 ?? PortSet()
        let named = valid.reduce(PortSet()) { $0.union($1.1) }
        func it(_ ports: PortSet) -> String { ports.count == 1 ? "it is" : "they are" }
        var text = problems.map { "Warning: \($0)\n" }.joined()
        let unnamed = reserved.subtracting(named)
        if !unnamed.isEmpty {
            text += "Not in a file: \(unnamed.listText); \(it(unnamed)) lost at the next boot.\n"
        }
        let replaced = reserved.intersection(named).subtracting(boot)
        if !replaced.isEmpty, let last = valid.last?.0 {
            text += """
                Only in a file that \(Self.place(last)) replaces: \(replaced.listText); \(it(replaced)) lost at the next \
                boot.

                """
        }
        let pending = boot.subtracting(reserved)
        if !pending.isEmpty, let last = valid.last?.0 {
            text += "In \(Self.place(last)) and not in force: \(pending.listText).\n"
        }
        return text
    }
}
