import Advice
import Aggregator
import KernelReaders
import Model
import Program
import Sampler
import Synchronization
import System

/// Looks at the machine as a person would: reads its tables, and who owns its sockets.
struct Examination: ~Copyable {
    private let obstacles: Obstacles
    private let procfs: String
    private var sampler: Sampler
    private let surroundings: Surroundings

    /// - Parameters:
    ///   - interval: the seconds between two readings of the socket table.
    ///   - traces: whether to trace who closes first, and whose calls find no port.
    init(_ reading: ReadingFlags, _ services: ServiceFlags, interval: Double, traces: Bool) {
        procfs = reading.procfs
        var settings = SamplerSettings()
        settings.interval = interval
        // A person waits for it.
        settings.cpuShare = 1
        (settings.patience, settings.tablePatience) = (30, (120, 120))
        settings.source = reading.source
        settings.accounting.servicePorts = services.ports.tcp
        settings.accounting.udpServicePorts = services.ports.udp
        // No limit: there is no page to keep small.
        settings.accounting.portsLimit = 65_535
        settings.accounting.servicesLimit = 65_535
        _ = settings.accounting.lowerSocketsLimit()
        if traces { settings.who = WhoSettings(limit: 1000, tracesBind: true) }
        let obstacles = Obstacles()
        self.obstacles = obstacles
        sampler = Sampler(ProcFilesystem(mount: reading.procfs), settings, from: Clock.now) { obstacles.note($0) }
        surroundings = Surroundings(
            procfs: reading.procfs,
            readsSockDiag: reading.source != .procfs,
            servicePorts: services.ports.tcp,
            patience: 30,
            Interruption()
        )
    }

    /// Reads what is due, once; and when the next time is.
    mutating func tick() -> (sample: Sample, next: Instant) {
        let sample = sampler.tick(at: Clock.now)
        return (sample, sampler.next)
    }

    /// The situation of a sample: with it who owns the sockets of now.
    ///
    /// - Throws: why there is nothing to look at.
    func situation(of sample: Sample, began: Instant) throws -> Situation {
        guard sample.ports != nil else { throw obstacles.failure(procfs: procfs) }
        var situation = surroundings.situation(of: sample)
        situation.obstacles.insert(contentsOf: obstacles.lines, at: 0)
        situation.duration = Clock.now - began
        return situation
    }

    /// Looks for a moment for programs that dial services of this host with connections too short
    /// to be met by chance.
    func searchDialers(for situation: inout Situation) { surroundings.searchDialers(for: &situation) }
}

/// What a sample is seen in: the machine's name, the owners of its sockets.
struct Surroundings: Sendable {
    private let proc: ProcFilesystem
    private let servicePorts: PortSet
    private let host: HostReader

    /// The longest search for programs that dial this host's services for moments only, in seconds.
    private static let longestSearch = 1.5
    /// The most client sockets that are asked for IP_BIND_ADDRESS_NO_PORT.
    private static let mostAskedClients = 2000

    /// - Parameters:
    ///   - patience: the longest to wait for the owners, in seconds.
    ///   - interruption: ends each wait.
    init(
        procfs: String,
        readsSockDiag: Bool,
        servicePorts: PortSet,
        patience: Double,
        _ interruption: Interruption
    ) {
        proc = ProcFilesystem(mount: procfs)
        host = HostReader(proc, readsSockDiag: readsSockDiag, within: patience, interruption)
        self.servicePorts = servicePorts
    }

    /// The situation of a sample: with it who owns the sockets of now.
    func situation(of sample: Sample) -> Situation {
        let facts = host.read { Self.asks($0, sample) }
        var situation = Situation(
            host: facts.name ?? "localhost",
            kernel: "Linux \(facts.kernelRelease ?? "of unknown version")",
            sample: sample
        )
        situation.servicePorts = servicePorts
        situation.isRoot = CurrentProcess.effectiveUser == 0
        if let ports = sample.ports, !ports.knowsBound {
            let whose = sample.source == .procfs ? "/proc/net/tcp" : situation.kernel
            situation.obstacles.append("sockets that are only bound: \(whose) does not show them")
        }
        switch facts.owners {
        case .success(let owners): situation.owners = owners
        case .failure(let error): situation.obstacles.append("who owns the sockets: \(error)")
        }
        situation.time = Clock.realtime.seconds
        return situation
    }

    /// Whether a socket is asked for its options: those that decide about a restart, or about who
    /// binds before connect.
    private static func asks(_ socket: OwnedSocket, _ sample: Sample) -> Bool {
        guard let report = sample.ports else { return false }
        let port = socket.row.localPort
        if socket.row.state == .listen { return true }
        guard let use = report.ephemeral, let range = sample.portSysctls.ports, use.bind.used * 4 > use.bind.ports
        else { return false }
        // Of thousands a part will do.
        return range.contains(port) && !range.isConnectFirst(port) && !report.occupancy.listening.contains(port)
            && Int(port) / 2 % max(1, use.bind.used / mostAskedClients) == 0
    }

    /// Looks for a moment for programs that dial services of this host with connections too short
    /// to be met by chance.
    func searchDialers(for situation: inout Situation) {
        guard let listening = situation.sample.ports?.occupancy.listening, var search = DialerSearch(proc) else {
            return
        }
        let own = Set(situation.owners?.sockets.lazy.map(\.row.localAddress) ?? [])
        let end = Clock.now + Self.longestSearch
        var enough = end
        var dialers: [SocketProcess: PortSet] = [:]
        while Clock.now < min(end, enough) {
            for one in search.look() where listening.contains(one.remote.port) && !listening.contains(one.local.port) {
                guard one.remote.address == one.local.address || own.contains(one.remote.address) else { continue }
                // Who dials most of them is seen with several.
                if dialers[one.process].map({ !$0.contains(one.remote.port) }) ?? false, enough == end {
                    enough = Clock.now + Self.longestSearch / 6
                }
                dialers[one.process, default: PortSet()].insert(one.remote.port)
            }
        }
        situation.dialers = dialers
    }
}
/// What could not be read, in words for a person.
private final class Obstacles: Sendable {
    private let events = Mutex<[SamplerEvent]>([])

    func note(_ event: SamplerEvent) { events.withLock { $0.append(event) } }

    /// A line for each.
    var lines: [String] {
        events.withLock { events in
            events.compactMap { event in
                switch event {
                case .failed(let collector, let error), .failedInPart(let collector, let error),
                    .late(let collector, let error):
                    "\(collector.label): \(error)"
                case .reads(let source, let obstacle?): "read over \(source.rawValue), since \(obstacle)"
                case .malformedRows(let count): "\(Wording.count(count, "row")) of the socket table did not parse"
                case .readsAddressFiles(let obstacle): "own addresses: read from files, since \(obstacle)"
                case .hidesProcesses: "names of processes: hidden from this user"
                case .absent, .recovered, .reads(_, nil): nil
                }
            }
        }
    }

    /// Why the socket table could not be read.
    func failure(procfs: String) -> StartError {
        let error = events.withLock { events in
            events.lazy.compactMap { event -> ReadError? in
                switch event {
                case .failed(.socketTable, let error), .late(.socketTable, let error): error
                default: nil
                }
            }.first
        }
        return StartError(
            description:
                "\(error.map { "\($0)" } ?? "the socket table could not be read"); run it in the network namespace"
                + " to look at, as a user who may read \(procfs)/net"
        )
    }
}

extension Collector {
    /// What it reads, in words.
    fileprivate var label: String {
        rawValue.split(separator: "_").joined(separator: " ")
    }
}
