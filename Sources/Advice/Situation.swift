package import Model

/// The input of a diagnosis.
package struct Situation: Sendable {
    package var host: String
    /// The kernel, as `Linux 6.12.9`.
    package var kernel: String
    /// What the sampler has read.
    package var sample: Sample
    /// The sockets with their owners; nil if not read.
    package var owners: SocketOwners?
    /// Programs that were seen to open connections to LISTEN ports of this host, with these ports;
    /// nil if not observed.
    package var dialers: [SocketProcess: PortSet]?
    /// What a trace has found; nil if nothing was traced.
    package var traced: Traced?
    /// A sample before `sample`, for growth; nil if there is only one.
    package var earlier: Sample?
    /// The duration of the reading in seconds.
    package var duration = 0.0
    /// Whether the host was observed over time, which some checks need (`Check.takesMemory`).
    package var hasMemory = false
    /// The TCP ports of `--services.ports`.
    package var servicePorts = PortSet()
    /// Whether root made the readings, so that no command shows more.
    package var isRoot = false
    /// The current time in seconds since 1970.
    package var time = 0.0
    /// What could not be read, one per line, apart from hidden processes.
    package var obstacles: [String] = []

    package init(host: String, kernel: String, sample: Sample) {
        self.host = host
        self.kernel = kernel
        self.sample = sample
    }
}

extension Situation {
    // Reasons why a check could not be made.
    static let noReport = "the socket table could not be read"
    static let noRange = "the ephemeral range could not be read"
    static let noSysctls = "the sysctls could not be read"

    var report: PortReport? { sample.ports }

    var sockets: [OwnedSocket] { owners?.sockets ?? [] }

    /// The process of a socket, if it was seen.
    func process(of socket: OwnedSocket) -> SocketProcess? { owners?.process(of: socket) }

    /// The owner of a socket in words: `curl (pid 4711, backup.service)`, or at least the user.
    func owner(of socket: OwnedSocket) -> String { (owners ?? SocketOwners()).owner(of: socket) }

    /// A user in words: `user backup (uid 34)`.
    func user(_ number: UInt32) -> String { (owners ?? SocketOwners()).user(number) }

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

    func listeners(on port: Port) -> [OwnedSocket] {
        sockets.filter { $0.row.state == .listen && $0.row.localPort == port }
    }

    /// The owner of a listener on a port in words; nil if unknown.
    func listenerText(on port: Port) -> String? { listeners(on: port).first.map(owner(of:)) }

    /// The name of a service in a title: its unit or command, else `its service`.
    func serviceName(on port: Port) -> String {
        guard let socket = listeners(on: port).first, let process = process(of: socket) else { return "its service" }
        return process.shortName
    }

    /// The process that owns the most of some sockets, and how many; nil if none was seen.
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

    var usable: Int? { report?.ephemeral?.usable }

    private var timing: TimeWaitTiming { TimeWaitTiming(sample.sysctls) }

    /// The length of TIME_WAIT: `60 s`.
    var timeWaitLength: String { Wording.duration(timing.seconds) }

    var longestTimeWait: String { timing.longestText }
}

extension SocketOwners {
    /// The process of a socket, if it was seen.
    func process(of socket: OwnedSocket) -> SocketProcess? {
        socket.inode == 0 ? nil : processes[socket.inode]
    }

    /// The owner of a socket in words: `curl (pid 4711, backup.service)`, or at least the user.
    func owner(of socket: OwnedSocket) -> String {
        if let process = process(of: socket) { return process.text }
        if socket.inode == 0 { return "no process" }
        return "a process of \(user(socket.user))"
    }

    /// A user in words: `user backup (uid 34)`.
    func user(_ number: UInt32) -> String {
        userNames[number].map { "user \(Wording.name($0)) (uid \(number))" } ?? "uid \(number)"
    }
}

extension SocketProcess {
    /// The process in words: `curl (pid 4711, backup.service)`.
    package var text: String {
        let place = unit.map(Wording.name) ?? container.map { "container \(Wording.name($0))" }
        return "\(Wording.name(name)) (pid \(pid)\(place.map { ", \($0)" } ?? ""))"
    }

    /// The name in a title: the unit without its suffix, else the command.
    package var shortName: String {
        guard let unit, unit.hasSuffix(".service") else { return Wording.name(name) }
        return Wording.name(String(unit.dropLast(".service".count)))
    }

    /// The shell command that stops it.
    var stopCommand: String {
        if let unit, unit.hasSuffix(".service"), let word = Wording.shellWord(unit) {
            return "sudo systemctl stop \(word)"
        }
        return "sudo kill \(pid)"
    }

    /// The shell command that restarts it; nil outside a systemd service.
    var restartCommand: String? {
        guard let unit, unit.hasSuffix(".service"), let word = Wording.shellWord(unit) else { return nil }
        return "sudo systemctl restart \(word)"
    }
}
