package import Advice
import Model

extension World {
    /// A diagnosis in which a check found something.
    package static func diagnosis(with check: Check, isRoot: Bool = true) -> Diagnosis {
        guard isRoot, let diagnosis = diagnoses[check] else { return make(check, isRoot: isRoot) }
        return diagnosis
    }

    /// They are made once: some have all ports of the range.
    private static let diagnoses = Dictionary(
        uniqueKeysWithValues: Check.allCases.map { ($0, make($0, isRoot: true)) }
    )

    private static func make(_ check: Check, isRoot: Bool) -> Diagnosis {
        var world = World(services: [50_051], udpServices: [50_053])
        world.isRoot = isRoot
        world.make(check)
        return world.diagnosis()
    }

    private static let database: End = (.remote, 5432)

    private mutating func make(_ check: Check) {
        var ports = ConnectPorts()
        switch check {
        case .servicePortTaken:
            connect(from: (.own, 50_051), to: (.remote, 443), by: Program("curl", pid: 4711, unit: "backup.service"))
        case .destinationExhausting:
            for _ in 0..<28_232 { timeWait(from: (.own, ports.next()), to: Self.database) }
        case .selfConnected:
            connect(from: (.loopback, 50_052), to: (.loopback, 50_052), by: .service("agent", pid: 77))
        case .rangeNearlyUsed: bind(24_000)
        case .destinationPortsHalfUsed:
            for _ in 0..<15_000 {
                connect(from: (.own, ports.next()), to: Self.database, by: .service("orders", pid: 812))
            }
        case .servicePortBlocked:
            listen(50_051, by: .service("payments", pid: 900))
            read()
            stop(50_051)
            timeWait(from: (.own, 50_051), to: (.remote, 40_000), age: 0)
            pass(5)
        case .restartWouldFail:
            let options = SocketOptions(reusesAddress: false, reusesPort: false, bindsWithoutPort: false)
            listen(8080, by: .service("shop", pid: 900), options: options)
            timeWait(from: (.own, 8080), to: (.remote, 40_000))
        case .listenerExposed: listen(50_052, by: .service("ledger", pid: 1822))
        case .localProber: probe(8, of: 10, timeWaits: 2)
        case .manyPerListener: probe(5, of: 10, timeWaits: 200)
        case .bindHalfUsed: bind(8000)
        case .bucketsNearLimit:
            sysctls?[.tcpMaxTWBuckets] = 100
            probe(1, of: 4, timeWaits: 90)
        case .overflow:
            read()
            overflow = 7
            pass(5)
        case .acceptQueueGrowing: listen(8080, by: .service("shop", pid: 900), queue: 65)
        case .closeWaitGrowing:
            listen(8080, by: .service("shop", pid: 900))
            for number: Port in 0..<150 { connect(.closeWait, from: (.own, 8080), to: (.remote, 30_000 + number)) }
        case .finTimeoutCutsFinWait2: sysctls?[.tcpFinTimeout] = 90
        case .timestampsOff: sysctls?[.tcpTimestamps] = 0
        case .rangeEndsSameParity: range = PortRange(low: 32_768, high: 61_000)
        case .finTimeoutIsNotTimeWait:
            sysctls?[.tcpFinTimeout] = 30
            probe(1, of: 4, timeWaits: 600)
        case .reservedPortsIdle: reserved = PortSet([8080, 50_055])
        case .sysctlChanged:
            hasMemory = true
            read()
            reserved = PortSet([50_061])
            listen(50_061, by: .service("quotes", pid: 1830))
            sysctls?[.tcpTWReuse] = 1
            pass(5)
        case .sampleStale:
            hasMemory = true
            var status = CollectorStatus(reasons: ["permission_denied"])
            status.lastSuccess = Self.start - 400
            status.errors["permission_denied"] = 80
            collectors = [.netstat: status]
        }
    }

    /// Adds connections of a program that binds before it connects, each to another host.
    private mutating func bind(_ count: Int) {
        for number in 0..<count {
            let port = number < 14_116 ? 32_769 + 2 * Port(number) : 32_768 + 2 * Port(number - 14_116)
            let remote = IPAddress(v4: 0xC633_0000 + UInt32(number % 12_000))
            connect(from: (.own, port), to: (remote, 443), by: .service("sender", pid: 55))
        }
    }

    /// Adds services, and TIME_WAITs of a client of this host to each of the first ones.
    private mutating func probe(_ dialed: Int, of services: Int, timeWaits: Int) {
        var ports = ConnectPorts()
        for number in 0..<services {
            let port = 8000 + Port(number)
            listen(port, by: .service("service\(number)", pid: 100 + Int32(number)))
            guard number < dialed else { continue }
            for _ in 0..<timeWaits { timeWait(from: (.loopback, ports.next()), to: (.loopback, port)) }
        }
    }
}
