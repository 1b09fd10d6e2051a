package import Model

/// All that a diagnosis is made from.
package struct Situation: Sendable {
    /// The machine's name.
    package var host: String
    /// The kernel, as `Linux 6.12.9`.
    package var kernel: String
    /// The readings.
    package var sample: Sample
    /// The sockets that programs own; nil where they were not read.
    package var owners: SocketOwners?
    /// Programs that were seen to open connections to LISTEN ports of this host, and to which; nil where nobody looked.
    package var dialers: [SocketProcess: PortSet]?
    /// A sample before `sample`, for what grows; nil where there is only one.
    package var earlier: Sample?
    /// How long the reading took, in seconds.
    package var duration = 0.0
    /// Whether somebody has looked for long: what takes memory is checked only then.
    package var hasMemory = false
    /// The TCP ports of `--services.ports`.
    package var servicePorts = PortSet()
    /// Whether root looked: then no command shows more.
    package var isRoot = false
    /// The seconds since 1970 at which it is looked at.
    package var time = 0.0
    /// What could not be read or asked, a line each, beside the processes that were hidden.
    package var obstacles: [String] = []

    /// A situation of which only the sample is known.
    package init(host: String, kernel: String, sample: Sample) {
        self.host = host
        self.kernel = kernel
        self.sample = sample
    }
}

extension Situation {
    // Why a check could not be made.
    static let noReport = "the socket table could not be read"
    static let noRange = "the ephemeral range could not be read"
    static let noSysctls = "the sysctls could not be read"

    /// The report of the socket table; nil before the first.
    var report: PortReport? { sample.ports }

    /// The sockets that programs own.
    var sockets: [OwnedSocket] { owners?.sockets ?? [] }

    /// The process of a socket, where it was seen.
    func process(of socket: OwnedSocket) -> SocketProcess? {
        socket.inode == 0 ? nil : owners?.processes[socket.inode]
    }

    /// Who owns a socket, in words: `curl (pid 4711, backup.service)`, or at least the user.
    func owner(of socket: OwnedSocket) -> String {
        if let process = process(of: socket) { return process.text }
        if socket.inode == 0 { return "no process" }
        return "a process of \(user(socket.user))"
    }

    /// A user in words: `user backup (uid 34)`.
    func user(_ number: UInt32) -> String {
        owners?.userNames[number].map { "user \(Wording.name($0)) (uid \(number))" } ?? "uid \(number)"
    }

    /// The owner of a socket for programs.
    func ownerFact(of socket: OwnedSocket) -> Fact {
        let process = process(of: socket)
        return .object([
            .init("uid", .int(Int(socket.user))),
            .init("user", .optional(owners?.userNames[socket.user])),
            .init("pid", .optional(process.map { Int($0.pid) })),
            .init("process", .optional(process?.name)),
            .init("unit", .optional(process?.unit)),
            .init("container", .optional(process?.container)),
        ])
    }

    /// The LISTEN sockets of a port.
    func listeners(on port: Port) -> [OwnedSocket] {
        sockets.filter { $0.row.state == .listen && $0.row.localPort == port }
    }

    /// Who listens on a port, in words; nil where nobody knows.
    func listenerText(on port: Port) -> String? { listeners(on: port).first.map(owner(of:)) }

    /// What a service is called in a title: its unit or its command, else `its service`.
    func serviceName(on port: Port) -> String {
        guard let socket = listeners(on: port).first, let process = process(of: socket) else { return "its service" }
        return process.shortName
    }

    /// The process that owns most of some sockets, and how many; nil where none was seen.
    func mainProcess(of sockets: some Sequence<OwnedSocket>) -> (process: SocketProcess, count: Int)? {
        var counts: [SocketProcess: Int] = [:]
        for socket in sockets {
            if let process = process(of: socket) { counts[process, default: 0] += 1 }
        }
        return counts.map { ($0.key, $0.value) }.max { ($0.1, $1.0.pid) < ($1.1, $0.0.pid) }
    }

    /// The name of an interface by its index.
    func zone(_ device: UInt32) -> String? { device == 0 ? nil : sample.deviceNames[device] ?? "\(device)" }

    /// A destination in words: `10.0.0.9:5432`.
    func text(_ destination: Destination) -> String {
        Wording.endpoint(destination.address, destination.port, zone: zone(destination.device))
    }

    /// The usable ports, and the range in words.
    var usable: Int? { report?.ephemeral?.usable }
}

extension SocketProcess {
    /// The process in words: `curl (pid 4711, backup.service)`.
    package var text: String {
        let place = unit.map(Wording.name) ?? container.map { "container \(Wording.name($0))" }
        return "\(Wording.name(name)) (pid \(pid)\(place.map { ", \($0)" } ?? ""))"
    }

    /// What the program is called in a title: its unit without the suffix, else its command.
    package var shortName: String {
        guard let unit, unit.hasSuffix(".service") else { return Wording.name(name) }
        return Wording.name(String(unit.dropLast(".service".count)))
    }

    /// The command of a shell that stops it.
    var stopCommand: String {
        if let unit, unit.hasSuffix(".service"), let word = Wording.shellWord(unit) {
            return "sudo systemctl stop \(word)"
        }
        return "sudo kill \(pid)"
    }

    /// The command that starts it anew; nil where only its owner knows.
    var restartCommand: String? {
        guard let unit, unit.hasSuffix(".service"), let word = Wording.shellWord(unit) else { return nil }
        return "sudo systemctl restart \(word)"
    }
}
