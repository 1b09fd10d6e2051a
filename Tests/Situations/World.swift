package import Advice
import Aggregator
package import Model

/// A host that a test makes up. What it holds goes the way of a real one: rows through the
/// accounting to a report, a sample, a situation and a diagnosis.
package struct World: Sendable {
    /// The name of the host.
    package var host = "web-1"
    /// Its kernel.
    package var kernel = "Linux 6.1.0-28-amd64"
    /// `ip_local_port_range`; nil where it cannot be read.
    package var range = PortRange(low: 32_768, high: 60_999)
    /// `ip_local_reserved_ports`; nil where they cannot be read.
    package var reserved: PortSet? = PortSet()
    /// The addresses of the host; nil where they cannot be read.
    package var addresses: LocalAddresses? = LocalAddresses([.init(.own), .init(.own6)])
    /// The other sysctls; nil where they cannot be read.
    package var sysctls: SysctlValues? = [
        .tcpTWReuse: 2, .tcpTimestamps: 1, .tcpFinTimeout: 60, .tcpMaxTWBuckets: 262_144,
    ]
    /// The ports of UDP sockets; nil where they cannot be read.
    package var udpPorts: PortSet? = PortSet()
    /// The UDP sockets on service ports.
    package var udpSockets: [SocketRow] = []
    /// TCPTimeWaitOverflow; nil where it cannot be read.
    package var overflow: UInt64? = 0
    /// Whether the socket table can be read.
    package var hasTable = true
    /// Where the table comes from.
    package var source = TableSource.sockDiag
    /// Whether it is asked who owns the sockets.
    package var asksOwners = true
    /// Whether who looks may see the processes of others, and ask their sockets for options.
    package var isRoot = true
    /// How long the reading takes, in seconds.
    package var duration = 0.004
    /// The names of users.
    package var userNames: [UInt32: String] = [0: "root"]
    /// What the collectors say of themselves.
    package var collectors: [Collector: CollectorStatus] = [:]
    /// Whether it is a running exporter that looks.
    package var hasMemory = false
    /// Programs that were seen to dial the host's services.
    package var dialers: [SocketProcess: PortSet]?
    /// What else could not be seen.
    package var obstacles: [String] = []

    /// Whether the first reading is what a diagnosis compares with, as with `--for`; else it is the
    /// one before.
    package var comparesWithFirst = false

    /// The moment of the first reading, in seconds since 1970: 2026-11-26T14:03:12Z.
    package static let start = 1_795_701_792.0

    private let servicePorts: PortSet
    private var memory: Memory
    private var udpServices: UDPServices
    private var changes = SysctlChanges()
    private var history = History()
    private var sockets: [Made] = []
    private var first: Sample?
    private var latest: Sample?
    private var made: UInt64 = 0
    /// Seconds since the first reading.
    private var now = 0.0

    /// A socket and what is known of its owner.
    private struct Made {
        var row: SocketRow
        var program: Program?
        var inode: UInt64
        var options: SocketOptions?
    }

    /// A host at rest.
    ///
    /// - Parameters:
    ///   - services: the TCP ports of `--services.ports`.
    ///   - udpServices: the UDP ports.
    package init(services: [Port] = [], udpServices: [Port] = []) {
        servicePorts = PortSet(services)
        var settings = AccountingSettings()
        settings.servicePorts = servicePorts
        settings.udpServicePorts = PortSet(udpServices)
        settings.portsLimit = 65_535
        settings.servicesLimit = 65_535
        memory = Memory(settings)
        self.udpServices = UDPServices(settings)
    }
}

/// A program of a made-up host.
package struct Program: Sendable {
    /// Its process.
    package var process: SocketProcess
    /// The number of its user.
    package var user: UInt32

    /// A program from its parts.
    package init(_ name: String, pid: Int32, unit: String? = nil, container: String? = nil, user: UInt32 = 0) {
        process = SocketProcess(pid: pid, name: name, unit: unit, container: container)
        self.user = user
    }

    /// A service whose unit has its name.
    package static func service(_ name: String, pid: Int32, user: UInt32 = 0) -> Program {
        Program(name, pid: pid, unit: "\(name).service", user: user)
    }
}

/// An address and a port.
package typealias End = (address: IPAddress, port: Port)

extension World {
    /// Adds a LISTEN socket.
    package mutating func listen(
        _ port: Port,
        on address: IPAddress = .anyIPv4,
        by program: Program? = nil,
        queue: UInt32 = 0,
        limit: UInt32 = 128,
        options: SocketOptions = .init(reusesAddress: true, reusesPort: false, bindsWithoutPort: false)
    ) {
        let wildcard: IPAddress = address.isIPv4 ? .anyIPv4 : .anyIPv6
        var row = row(.listen, (address, port), (wildcard, 0))
        row.receiveQueue = queue
        row.sendQueue = source == .sockDiag ? limit : 0
        add(row, program, options)
    }

    /// Adds a connection, as one of its ends is.
    package mutating func connect(
        _ state: TCPState = .established,
        from local: End,
        to remote: End,
        by program: Program? = nil,
        options: SocketOptions? = nil
    ) {
        add(row(state, local, remote), program, options)
    }

    /// Adds a TIME_WAIT that is so many seconds old.
    package mutating func timeWait(from local: End, to remote: End, age: Double = 30) {
        var row = row(.timeWait, local, remote)
        row.isTimeWaitMiniSocket = true
        row.timerRemaining = UInt32(max(0, 60 - age) * 1000)
        add(row, nil, nil)
    }

    private mutating func row(_ state: TCPState, _ local: End, _ remote: End) -> SocketRow {
        made += 1
        return SocketRow(
            localAddress: local.address,
            localPort: local.port,
            remoteAddress: remote.address,
            remotePort: remote.port,
            state: state,
            cookie: source == .sockDiag ? made : 0
        )
    }

    private mutating func add(_ row: SocketRow, _ program: Program?, _ options: SocketOptions?) {
        sockets.append(Made(row: row, program: program, inode: program == nil ? 0 : 1000 + made, options: options))
    }

    /// Takes away the sockets that match.
    package mutating func remove(where isGone: (SocketRow) -> Bool) {
        sockets.removeAll { isGone($0.row) }
    }

    /// Ends the LISTEN socket of a port.
    package mutating func stop(_ port: Port) {
        remove { $0.state == .listen && $0.localPort == port }
    }

    /// Lets time pass: TIME_WAITs come to their end.
    package mutating func pass(_ seconds: Double) {
        now += seconds
        for index in sockets.indices where sockets[index].row.isTimeWaitMiniSocket {
            let left = Double(sockets[index].row.timerRemaining) / 1000 - seconds
            sockets[index].row.timerRemaining = UInt32(max(0, left) * 1000)
            if left < 0 { sockets[index].row.state = .close }
        }
        sockets.removeAll { $0.row.isTimeWaitMiniSocket && $0.row.state == .close }
    }
}

extension World {
    /// A service listens on a port, stops, and listens on it again, with a reading before and after
    /// the stop.
    package mutating func restartService(on port: Port) {
        listen(port)
        read()
        stop(port)
        pass(5)
        read()
        listen(port)
        pass(5)
    }

    /// Reads the host once.
    @discardableResult
    package mutating func read() -> Sample {
        var sample = Sample()
        sample.now = Instant(nanoseconds: 0) + now
        sample.portSysctls = PortSysctls(ports: range, reserved: reserved)
        sample.sysctls = sysctls
        sample.udpPorts = udpPorts
        sample.udpServices = udpServices.update(udpSockets)
        changes.note(sysctls, sample.portSysctls, at: sample.now)
        sample.sysctlChanges = changes.counts
        sample.latestSysctlChanges = changes.latest
        sample.bucketsPeak = sockets.count { $0.row.isTimeWaitMiniSocket }
        sample.counters = TimeWaitCounters(timeWait: nil, killed: nil, recycled: 0, overflow: overflow)
        sample.collectors = collectors
        if hasTable {
            sample.source = source
            sample.readAt = (sample.now, Self.start + now)
            sample.ports = report(sample)
        }
        history.note(sample)
        sample.history = history
        first = first ?? sample
        latest = sample
        return sample
    }

    private mutating func report(_ sample: Sample) -> PortReport {
        let bound = sockets.filter { $0.row.state == .boundInactive }.map(\.row)
        let facts = NamespaceFacts(
            knowsBound: true,
            range: sample.range,
            ports: range,
            addresses: addresses,
            sysctls: sysctls,
            udpPorts: udpPorts,
            recycled: 0
        )
        let listening = sockets.filter { $0.row.state == .listen }.map(\.row)
        let others = sockets.map(\.row).filter { $0.state != .listen && $0.state != .boundInactive }
        var reading = Reading(facts, &memory, at: sample.now)
        reading.rows((listening + bound + others).span, readAt: sample.now)
        return reading.finish(&memory)
    }

    private var owners: SocketOwners {
        var owners = SocketOwners()
        owners.userNames = userNames
        owners.optionsAreHidden = !isRoot
        for socket in sockets where socket.row.state != .timeWait && !socket.row.isOrphanFinWait2 {
            let owned = OwnedSocket(row: socket.row, user: socket.program?.user ?? 0, inode: socket.inode)
            owners.sockets.append(owned)
            guard let program = socket.program else { continue }
            if isRoot {
                owners.processes[socket.inode] = program.process
                owners.options[socket.inode] = socket.options
            } else {
                owners.hidden.append(owned)
            }
        }
        return owners
    }

    /// Reads the host, and all that a diagnosis is made from.
    package mutating func situation() -> Situation {
        let earlier = comparesWithFirst ? first : latest
        var situation = Situation(host: host, kernel: kernel, sample: read())
        situation.earlier = earlier
        situation.owners = asksOwners ? owners : nil
        situation.dialers = dialers
        situation.duration = duration
        situation.hasMemory = hasMemory
        situation.servicePorts = servicePorts
        situation.time = Self.start + now
        situation.obstacles = obstacles
        return situation
    }

    /// Reads the host, and says what is wrong with it.
    package mutating func diagnosis() -> Diagnosis { Diagnosis(of: situation()) }
}

extension IPAddress {
    /// 127.0.0.1.
    package static let loopback = IPAddress(127, 0, 0, 1)
    /// An address of the host.
    package static let own = IPAddress(10, 0, 0, 5)
    /// An IPv6 address of the host: 2001:db8::5.
    package static let own6 = IPAddress(high: 0x2001_0db8_0000_0000, low: 5)
    /// An address of another host.
    package static let remote = IPAddress(10, 0, 0, 9)
    /// An IPv6 address of another host: 2001:db8::9.
    package static let remote6 = IPAddress(high: 0x2001_0db8_0000_0000, low: 9)
}

extension Diagnosis {
    /// The findings of a check.
    package subscript(check: Check) -> [Finding] { findings.filter { $0.check == check } }

    /// The checks that found something, each once, in the order of the findings.
    package var found: [Check] {
        findings.map(\.check).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// Why a check was not made; nil where it was.
    package func reason(of check: Check) -> String? { notChecked.first { $0.check == check }?.reason }
}
