import Advice
import Aggregator
import KernelReaders
import Model
import Program
import Sampler
import System

/// Waits for a port: reads the sockets on it, then asks for one of those that hold it until that is
/// gone, and reads again. The port is free when two readings in a row say so: a socket that changes
/// its state may be missing in one.
struct PortWait: ~Copyable {
    /// What is asked for.
    struct Request {
        /// In seconds.
        var timeout: Double
        var reusesAddress: Bool
        /// Whether TIME_WAITs within this host are ended.
        var releases: Bool
    }

    /// What keeps bind() from succeeding.
    private struct Look {
        var obstacles: [PortObstacle] = []
        /// Whether this namespace does not have the address.
        var lacksAddress = false
        /// What the reading cost, in seconds.
        var cost = 0.0
        var at: Instant

        var isFree: Bool { obstacles.isEmpty && !lacksAddress }
    }

    /// Seconds between two lines.
    private static let lineInterval = 10.0
    /// The most holders that are asked for one after the other before the table is read again.
    private static let mostKnown = 256

    private let end: ListenerEnd
    private let request: Request
    private let proc: ProcFilesystem
    private var table: PortTable
    private var obstacles: PortObstacles
    private var owners: SocketOwnersReader
    /// What was found out about the owners of live holders.
    private var known = SocketOwners()
    private var searched: Set<UInt64> = []
    private var release: PortRelease
    private let range: EphemeralRange?
    private let timing: TimeWaitTiming

    init(for end: ListenerEnd, _ request: Request, _ proc: ProcFilesystem, _ source: SourceChoice) throws {
        self.end = end
        self.request = request
        self.proc = proc
        table = try PortTable(of: end.port, proc, readsSockDiag: source != .procfs, fallsBack: source != .sockDiag)
        obstacles = PortObstacles(to: end, reusesAddress: request.reusesAddress)
        owners = SocketOwnersReader(proc, readsSockDiag: source != .procfs)
        release = PortRelease()
        range = (try? proc.portSysctls().value)?.range
        let sysctls = (try? proc.sysctlValues().value) ?? [:]
        timing = TimeWaitTiming(sysctls)
        if let start = sysctls[.ipUnprivilegedPortStart], Int(end.port) < start,
            BindConditions.mayBindPrivilegedPorts == false
        {
            say(
                """
                port \(end.port) is below net.ipv4.ip_unprivileged_port_start (\(start)): bind() fails with EACCES unless the \
                service has CAP_NET_BIND_SERVICE, which this process does not have
                """
            )
        }
    }

    /// Returns when the port is free.
    ///
    /// - Throws: that it was not within the time, with its holder and the cure.
    mutating func run() throws {
        let start = Clock.now
        let deadline = start + request.timeout
        var nextLine = start
        while true {
            var look = try read()
            if look.isFree { look = try read() }
            if look.isFree { break }
            if look.at >= nextLine || look.at >= deadline {
                let held = heldPort(look)
                if look.at >= deadline { throw StartError(description: timeoutText(held, look)) }
                let rest = Wording.duration(deadline - look.at)
                say("\(held.name) is taken: \(text(held, look)); waiting \(rest) more at most")
                nextLine = max(nextLine, look.at) + Self.lineInterval
            }
            if request.releases {
                let (ended, said) = try release.run(look.obstacles, &table, try proc.ownAddresses())
                if let said { say(said) }
                if ended == look.obstacles.count, ended > 0 { continue }
            }
            try wait(look, until: min(nextLine, deadline))
        }
        let waited = Clock.now - start
        guard nextLine > start else { return }
        let blind = table.tellsBoundSockets ? "" : "; sockets that are only bound are not visible here"
        let name = HeldPort(end: end, obstacles: []).name
        say("\(name) is free after \(Wording.decimal(waited, 1)) s\(blind)")
    }

    private mutating func read() throws(ReadError) -> Look {
        let start = Clock.now
        var look = Look(at: start)
        let sockets = try table.read()
        var surroundings = PortObstacles.Surroundings()
        let isWildcard = end.address == .anyIPv4 || end.address == .anyIPv6
        if !sockets.isEmpty {
            surroundings.listeners = try table.listeners()
            surroundings.range = range?.ports
            surroundings.timing = timing
            learnOptions(of: sockets)
        }
        if !isWildcard || !sockets.isEmpty {
            let addresses = try proc.ownAddresses()
            surroundings.addresses = addresses
            look.lacksAddress =
                !isWildcard && !addresses.contains(end.address, device: end.device)
                && !proc.bindsForeignAddresses(ofIPv4: end.address.isIPv4)
        }
        look.obstacles = obstacles.find(among: sockets, surroundings, at: start)
        look.at = Clock.now
        look.cost = look.at - start
        return look
    }

    /// Asks sockets for SO_REUSEADDR, each once.
    private mutating func learnOptions(of sockets: [OwnedSocket]) {
        let asked = sockets.filter { obstacles.asks($0) && searched.insert($0.inode).inserted }
        guard !asked.isEmpty else { return }
        let found = owners.owners(of: asked, asksOptions: true)
        for socket in asked {
            if let options = found.options[socket.inode] { obstacles.note(options, of: socket) }
        }
        merge(found)
    }

    private mutating func merge(_ found: SocketOwners) {
        known.processes.merge(found.processes) { $1 }
        known.userNames.merge(found.userNames) { $1 }
    }

    /// The holders with their owners.
    private mutating func heldPort(_ look: Look) -> HeldPort {
        let live = look.obstacles.map(\.socket).filter { $0.inode != 0 && known.processes[$0.inode] == nil }
        if !live.isEmpty { merge(owners.owners(of: live, asksOptions: false)) }
        var held = HeldPort(end: end, obstacles: look.obstacles)
        held.owners = known
        held.timing = timing
        held.range = range
        held.reusesAddress = request.reusesAddress
        return held
    }

    private func text(_ held: HeldPort, _ look: Look) -> String {
        var parts: [String] = []
        if look.lacksAddress {
            parts.append("this host does not have the address \(end.address), so bind() fails with EADDRNOTAVAIL")
        }
        if !look.obstacles.isEmpty { parts.append(held.holders) }
        return parts.joined(separator: "; ")
    }

    private func timeoutText(_ held: HeldPort, _ look: Look) -> String {
        let cure = look.obstacles.isEmpty ? "start the service once the address is there" : held.cure
        let taken = request.timeout > 0 ? "is still taken after \(Wording.duration(request.timeout))" : "is taken"
        return "\(held.name) \(taken): \(text(held, look)); \(cure)"
    }

    /// Waits as long as one of the holders that were seen is still there, at most until a moment.
    private mutating func wait(_ look: Look, until moment: Instant) throws(ReadError) {
        // Reading takes at most a fifth of a core.
        pause(min(0.3, 4 * look.cost), until: moment)
        var holders = Array(look.obstacles.sorted { Self.isEarlier($0, $1) }.suffix(Self.mostKnown))
        if holders.isEmpty { return pause(0.2, until: moment) }
        while let holder = holders.last, Clock.now < moment {
            let asked = Clock.now
            let answer = try table.isThere(holder.socket.row)
            // Sockets that are only bound are looked for among all bound ports.
            let cost = Clock.now - asked
            switch answer {
            case true?: pause(max(Self.step(holder, asked - look.at), min(0.4, 9 * cost)), until: moment)
            case false?: holders.removeLast()
            case nil: return pause(max(0.1, min(1, 4 * look.cost)), until: moment)
            }
        }
    }

    /// Whether one holder is asked for after another: first connections, which cost nothing to ask
    /// for and have no end, then listeners, then the TIME_WAIT that ends last.
    private static func isEarlier(_ left: PortObstacle, _ right: PortObstacle) -> Bool {
        func rank(_ row: SocketRow) -> (Int, UInt32) {
            switch row.state {
            case .boundInactive: (0, 0)
            case .listen: (2, 0)
            default: row.isTimeWaitMiniSocket ? (1, row.timerRemaining) : (3, 0)
            }
        }
        return rank(left.socket.row) < rank(right.socket.row)
    }

    /// How long to wait, in seconds, before a holder is asked for again: a TIME_WAIT ends seldom
    /// before its time, and often near it.
    private static func step(_ holder: PortObstacle, _ elapsed: Double) -> Double {
        guard holder.socket.row.state == .timeWait else { return 0.1 }
        let left = Double(holder.socket.row.timerRemaining) / 1000 - elapsed
        return max(0.05, min(0.5, left))
    }

    private func pause(_ seconds: Double, until moment: Instant) {
        SystemClock.sleep(for: .seconds(max(0, min(seconds, moment - Clock.now))))
    }

    private func say(_ text: String) { StandardStreams.writeError(Array("timewait_exporter: \(text)\n".utf8)) }
}

/// Ends TIME_WAITs whose both ends are on this host.
struct PortRelease {
    /// What was said already.
    private var said: Set<String> = []

    /// Ends those of some sockets that it may.
    ///
    /// - Returns: how many it ended; and what was done and what was not, where that is new.
    mutating func run(
        _ obstacles: [PortObstacle],
        _ table: inout PortTable,
        _ addresses: LocalAddresses
    ) throws(ReadError) -> (ended: Int, said: String?) {
        var (released, remote) = (0, 0)
        var example: SocketRow?
        var refusal: String?
        for obstacle in obstacles where obstacle.socket.row.state == .timeWait {
            let row = obstacle.socket.row
            guard addresses.contains(row.remoteAddress, device: row.device) else {
                remote += 1
                example = example ?? row
                continue
            }
            guard refusal == nil else { continue }
            guard table.isSockDiag else {
                refusal = "it takes sock_diag, which cannot be used: \(table.obstacle.map { "\($0)" } ?? "")"
                continue
            }
            do throws(ReadError) {
                try table.end(row)
                released += 1
            } catch {
                refusal = Self.text(error)
            }
        }
        var parts: [String] = []
        if released > 0 { parts.append("ended \(Wording.count(released, "TIME_WAIT")) within this host") }
        if let refusal { parts.append("no TIME_WAIT was ended: \(refusal)") }
        if remote > 0, let example {
            parts.append(
                """
                left \(Wording.count(remote, "TIME_WAIT")) alone whose other end is not on this host, such as \
                \(Wording.endpoint(example.remoteAddress, example.remotePort)): without it, late segments from there could \
                reach a new connection
                """
            )
        }
        let text = parts.joined(separator: "; ")
        let isNew = !text.isEmpty && said.insert(text).inserted
        return (released, isNew ? "--release: " + text : nil)
    }

    private static func text(_ error: ReadError) -> String {
        error.reason == .permissionDenied
            ? "the kernel does not permit it; it takes CAP_NET_ADMIN, as root or AmbientCapabilities= has it"
            : "\(error)"
    }
}
