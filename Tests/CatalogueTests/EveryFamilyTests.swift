import Exposition
import Foundation
import Model
import Scenes
import Testing

@testable import Catalogue

/// A sample in which every number is another one and none is 0: a 0 says nothing of how a number is
/// written.
@Suite("The page with a number in every family")
struct EveryFamilyTests {
    private static func ports(_ low: UInt16, _ high: UInt16) -> PortRange {
        guard let range = PortRange(low: low, high: high) else { preconditionFailure("\(low) is above \(high)") }
        return range
    }

    private static func timeWaitCounts(_ first: Int) -> TimeWaitCounts {
        var counts = TimeWaitCounts()
        for (number, role) in Role.allCases.enumerated() {
            counts[role, .local] = first + 2 * number
            counts[role, .remote] = first + 2 * number + 1
        }
        return counts
    }

    private static var report: PortReport {
        var report = PortReport()
        for (number, family) in AddressFamily.allCases.enumerated() {
            for state in TableCounts.states + [.boundInactive] {
                report.table[family, state] = 100 + 20 * number + Int(state.rawValue)
            }
        }
        report.knowsBound = true
        report.orphanFinWait2 = 201
        report.timeWait = timeWaitCounts(210)
        report.observed = timeWaitCounts(220)
        report.untracked = 230
        report.listening = ListeningPorts(outside: 231, reserved: 232, exposed: 233)
        report.dialedPorts = 234
        report.omittedPorts = 235
        report.ports = [
            PortLine(
                port: 8080,
                listeners: 240,
                timeWait: PortTimeWait(serverLocal: 241, serverRemote: 242, clientLocal: 243),
                entries: PortTimeWait(serverLocal: 244, serverRemote: 245, clientLocal: 246),
                established: 247,
                acceptQueue: 248,
                acceptQueueLimit: 249,
                closeWait: 250,
                isRecurring: true,
                isExposed: true,
                collisionRatio: 0.25
            )
        ]
        report.ephemeral = EphemeralUse(
            usable: 260,
            established: 261,
            other: 262,
            timeWait: 263,
            connect: ParityUse(ports: 264, used: 265),
            bind: ParityUse(ports: 266, used: 267)
        )
        report.ephemeralExhaustion = .init(nanoseconds: 1_500_000_000)
        report.idleReserved = IdleReservedPorts(
            EphemeralRange(
                ports: ports(30_000, 30_009),
                reserved: PortSet(ports(30_008, 30_010))
            ),
            listening: PortSet(),
            udp: PortSet()
        )
        report.selfConnected = 270
        let destination = Destination(source: IPAddress(10, 0, 0, 5), address: IPAddress(10, 0, 0, 9), port: 5432)
        var destinations = DestinationReport()
        destinations.lines = [DestinationLine(destination: destination, live: 271, timeWait: 272, reusable: 273)]
        destinations.count = 274
        destinations.isEstimated = true
        destinations.omitted = 275
        destinations.worst = 276
        destinations.exhaustion = Instant(nanoseconds: 2_500_000_000)
        report.destinations = destinations
        report.peers = [PeerLine(port: 8080, address: IPAddress(10, 0, 0, 7), sockets: 277)]
        report.services = [
            ServiceLine(port: 8080, origin: .configured, isListening: true), service(50_051, own: 278, other: 279),
        ]
        report.omittedServices = 280
        return report
    }

    private static func service(_ port: UInt16, own: Int, other: Int) -> ServiceLine {
        var holders = ServiceHolders()
        (holders.own, holders.other) = (own, other)
        holders.free = .from(.init(nanoseconds: 11_000_000_000))
        return ServiceLine(port: port, origin: .learnt, isListening: false, holders: holders)
    }

    private static var closers: CloserReport {
        let prober = ProgramName(unit: "node-probe.service", process: "node-probe")
        var report = CloserReport()
        report.programs = [.init(name: prober, closes: timeWaitCounts(400))]
        report.otherCloses = timeWaitCounts(410)
        report.ports = [.init(port: 8080, name: prober, closes: 420)]
        let orders = ProgramName(process: "orders")
        report.failures = [FailedCall(orders, to: IPAddress(10, 0, 0, 9), 5432): 421]
        report.otherFailures = 422
        report.outcomes = [.counted: 430, .foreign: 431, .lost: 432, .unmatched: 433]
        return report
    }

    private static var sample: Sample {
        var sample = Sample()
        sample.now = .init(nanoseconds: 500_000_000)
        sample.readAt = (.init(nanoseconds: 0), 1_700_000_000)
        sample.ports = report
        sample.source = .sockDiag
        sample.dialedPortsPeak = 301
        sample.portSysctls = PortSysctls(
            ports: ports(302, 404),
            reserved: PortSet(ports(400, 410))
        )
        sample.udpPorts = PortSet(ports(303, 309))
        let resolver = ServiceLine(port: 53, origin: .configured, isListening: true)
        sample.udpServices = ([resolver, service(51_820, own: 302, other: 303)], 4)
        for (number, sysctl) in Sysctl.allCases.enumerated() {
            var sysctls = sample.sysctls ?? [:]
            sysctls[sysctl] = 310 + number
            sample.sysctls = sysctls
        }
        sample.sysctlChanges = ["tcp_fin_timeout": 320]
        sample.statistics = SocketStatistics(inUse: 321, timeWaitBuckets: 322)
        sample.bucketsPeak = 323
        // Above 2^53, where a Double would be off by one.
        sample.counters = TimeWaitCounters(
            timeWait: 9_007_199_254_740_992,
            killed: 1,
            recycled: 9_007_199_254_740_995,
            overflow: 12
        )
        sample.process = ProcessFacts(
            cpuSeconds: 331.5,
            openDescriptors: 332,
            descriptorLimit: 333,
            virtualMemory: 334,
            residentMemory: 335,
            startTime: 336.5,
            threads: 337
        )
        for (number, collector) in Collector.allCases.enumerated() {
            var status = CollectorStatus(reasons: ["not_found"])
            status.succeeded = true
            status.lastSuccess = 340.5 + Double(number)
            status.duration = 0.5 + Double(number)
            status.cpuSeconds = 0.25 + Double(number)
            status.errors["not_found"] = 350 + UInt64(number)
            sample.collectors[collector] = status
        }
        sample.socketsLimit = 338
        sample.closers = closers
        sample.interval = 7
        sample.requestedInterval = 5
        return sample
    }

    /// The page, its lines.
    static func page(_ event: CountedEvent, at now: Instant? = nil) -> [String] {
        var sample = sample
        if let now { sample.now = now }
        sample.countedEvent = event
        var facts = ExporterFacts(
            version: "1",
            revision: "2",
            swiftVersion: "3",
            microhttpdVersion: "4",
            requests: [200: 360]
        )
        facts.connections = ExporterFacts.Connections(active: 362, idle: 363, waiting: 364, limit: 365)
        facts.failedHandshakes = [("timeout", 366)]
        facts.lostLogLines = 367
        facts.reload = (wasSuccessful: true, lastSuccess: 361.5)
        let page = Catalogue.page(PageInput(sample: sample, exporter: facts))
        return String(decoding: page.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("The page has a sample of every family, and no family has only zeros")
    func everyFamily() {
        let lines = Set(Self.page(.entries) + Self.page(.expiries)).filter { !$0.hasPrefix("#") }
        for family in Catalogue.families {
            let name = family.header.name
            let values = lines.filter { $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") }.compactMap { line in
                line.split(separator: " ").last.flatMap { Double(String($0)) }
            }
            #expect(!values.isEmpty, "\(name) is not there")
            #expect(values.contains { $0 != 0 }, "\(name) is 0")
            #expect(values.allSatisfy { $0 == 0 || $0 >= 0.25 }, "\(name): \(values)")
        }
    }

    @Test("A forecast for a moment in the past is 0")
    func forecastsThatAreOver() {
        let page = Self.page(.entries, at: Instant(nanoseconds: 4_000_000_000))
        for name in ["timewait_ephemeral_exhaustion_seconds", "timewait_destination_exhaustion_seconds"] {
            #expect(page.filter { $0.hasPrefix(name + " ") } == [name + " 0"])
        }
    }

    @Test("The page writes each number in the right sample")
    func numbers() throws {
        let file = try Scene("pages").bytes("every_family.txt")
        let expected = String(decoding: file, as: UTF8.self).split(separator: "\n").map(String.init)
        let page = Self.page(.entries).filter { !$0.hasPrefix("#") }
        #expect(page == expected)
    }
}
