import Advice
import Model
import Situations
import Testing

@Suite("The diagnosis")
struct DiagnosisTests {
    // MARK: - Nothing is found

    @Test("A diagnosis of a host at rest has no findings")
    func atRest() {
        var healthy = World.healthy()
        #expect(healthy.diagnosis().findings.isEmpty && healthy.diagnosis().verdict == "Nothing found")
        var empty = World()
        let diagnosis = empty.diagnosis()
        #expect(diagnosis.findings.isEmpty && diagnosis.notChecked.isEmpty && diagnosis.passed.count == 20)
        #expect(diagnosis.worst == nil && diagnosis.isNormalBecause == nil)
    }

    @Test(
        "A diagnosis of a busy reverse proxy has no findings and explains the number of TIME_WAITs"
    )
    func proxy() throws {
        var world = World.proxy()
        let diagnosis = world.diagnosis()
        #expect(diagnosis.findings.isEmpty)
        let reason = try #require(diagnosis.isNormalBecause)
        #expect(reason.hasPrefix("28,012 TIME_WAITs are normal here: 25,186 go to 64 destinations, of which none uses"))
        #expect(reason.contains("2,826 belong to connections that services closed first, most on 443 and 80"))
        #expect(reason.hasSuffix("in use is no limit either."))
    }

    @Test(
        "A diagnosis explains only a number of TIME_WAITs above 1000 that has no finding",
        arguments: [1000, 1001]
    )
    func small(count: Int) {
        var world = World()
        world.listen(443)
        for number in 0..<count { world.timeWait(from: (.own, 443), to: (.remote, 10_000 + Port(number))) }
        #expect((world.diagnosis().isNormalBecause != nil) == (count > 1000))
        world.sysctls?[.tcpMaxTWBuckets] = 1000
        #expect(world.diagnosis().isNormalBecause == nil)
    }

    @Test("A diagnosis has no findings after a clean restart of a service that sets SO_REUSEADDR")
    func restart() {
        var world = World(services: [8080])
        world.listen(8080, by: .service("shop", pid: 900))
        for port: Port in 0..<20 { world.connect(from: (.own, 8080), to: (.remote, 40_000 + port)) }
        world.read()
        world.remove { $0.localPort == 8080 }
        for port: Port in 0..<20 { world.timeWait(from: (.own, 8080), to: (.remote, 40_000 + port), age: 0) }
        world.listen(8080, by: .service("shop", pid: 950))
        world.pass(5)
        #expect(world.diagnosis().findings.isEmpty)
    }

    @Test(
        "A diagnosis has no findings on a node with listeners on ports chosen by bind()",
        arguments: 1...20
    )
    func node(seed: Int) {
        var generator = Generator(state: UInt64(seed))
        var world = World()
        for number in 0..<12 {
            let port = 32_769 + 2 * Port(generator.next() % 14_116)
            world.listen(port, by: .service("kubelet", pid: 600 + Int32(number)))
        }
        var ports = ConnectPorts()
        for number in 0..<200 {
            world.connect(from: (.own, ports.next()), to: (IPAddress(10, 1, 0, UInt8(number)), 443))
        }
        #expect(world.diagnosis().findings.isEmpty, "seed \(seed)")
    }

    // MARK: - One cause, one finding

    @Test("The finding of an exhausting destination includes its port share and the full range")
    func explained() throws {
        var world = World.runningOut()
        let diagnosis = world.diagnosis()
        #expect(diagnosis.found == [.destinationExhausting])
        #expect(diagnosis.findings.first?.explains == [.rangeNearlyUsed, .destinationPortsHalfUsed])
        let told = Set(diagnosis.found + diagnosis.passed + (diagnosis.findings.first?.explains ?? []))
        #expect(told.count == 20, "every check is somewhere")
    }

    @Test("The finding of a destination with nearly all ports includes the full range")
    func explainedByHalf() {
        var world = World.leak()
        let diagnosis = world.diagnosis()
        #expect(diagnosis.found == [.destinationPortsHalfUsed])
        #expect(diagnosis.findings.first?.explains == [.rangeNearlyUsed])
    }

    @Test("The full range keeps its own finding if bound sockets use it beside the destination")
    func notExplained() throws {
        var world = World()
        var bound: Port = 60_999
        // Each of these binds before it connects, and shares its port with nobody.
        func bind(_ count: Int) {
            for number in 0..<count {
                let remote = IPAddress(v4: 0xC633_0000 + UInt32(number))
                world.connect(from: (.own, bound), to: (remote, 443), by: .service("sender", pid: 55))
                bound -= 2
            }
        }
        bind(3000)
        world.read()
        var ports = ConnectPorts()
        for _ in 0..<22_700 {
            world.connect(from: (.own, ports.next()), to: (.remote, 5432), by: .service("orders", pid: 812))
        }
        world.read()
        for second in 1...20 {
            bind(100)
            world.pass(1)
            if second < 20 { world.read() }
        }
        let diagnosis = world.diagnosis()
        let range = try #require(diagnosis[.rangeNearlyUsed].first)
        #expect(range.severity == .critical)
        #expect(diagnosis[.destinationPortsHalfUsed].map(\.explains) == [[]])
    }

    @Test("A finding of one destination does not include the port share of another destination")
    func twoDestinations() {
        var world = World()
        for (address, count) in [(IPAddress.remote, 28_232), (IPAddress(10, 0, 0, 10), 15_000)] {
            var ports = ConnectPorts()
            for _ in 0..<count { world.connect(from: (.own, ports.next()), to: (address, 5432)) }
        }
        let diagnosis = world.diagnosis()
        #expect(diagnosis[.destinationExhausting].map(\.key) == ["10.0.0.5 10.0.0.9:5432"])
        #expect(diagnosis[.destinationPortsHalfUsed].map(\.key) == ["10.0.0.5 10.0.0.10:5432"])
    }

    // MARK: - Order and keys

    @Test("Findings are sorted by severity, then by time of failure, then by order of the checks")
    func order() {
        var world = World.incident()
        world.sysctls?[.tcpTimestamps] = 0
        world.connect(from: (.loopback, 50_054), to: (.loopback, 50_054))
        let findings = world.diagnosis().findings
        let severities = findings.map(\.severity)
        #expect(severities == severities.sorted(by: >))
        #expect(
            findings.map(\.check) == [
                .servicePortTaken, .selfConnected, .listenerExposed, .localProber, .timestampsOff,
                .finTimeoutIsNotTimeWait, .reservedPortsIdle,
            ]
        )
    }

    @Test("Findings of exhausting destinations are sorted by time of failure")
    func soonest() {
        var world = World()
        var ports = ConnectPorts()
        for _ in 0..<28_232 { world.connect(from: (.own, ports.next()), to: (IPAddress(10, 0, 0, 99), 5432)) }
        for number in 0..<12_000 {
            world.timeWait(from: (.own, ports.next()), to: (IPAddress(10, 0, 0, 1), 80), age: Double(number) / 800)
        }
        let findings = world.diagnosis()[.destinationExhausting]
        #expect(findings.map { $0.key.split(separator: " ")[1] } == ["10.0.0.99:5432", "10.0.0.1:80"])
    }

    @Test(
        "The key of each finding is unique and stays the same at the next reading",
        arguments: World.examples.map(\.name).filter { $0 != "running_out" }
    )
    func keys(name: String) throws {
        var world = try #require(World.examples.first { $0.name == name }?.world)
        let before = world.diagnosis().findings.map { "\($0.check.rawValue) \($0.key)" }
        world.pass(1)
        let after = world.diagnosis().findings.map { "\($0.check.rawValue) \($0.key)" }
        #expect(before == after && Set(before).count == before.count)
    }

    // MARK: - What was not looked at

    @Test("A check without its input is listed as not checked, with the reason")
    func notChecked() {
        var world = World()
        world.sysctls = nil
        let sysctls = world.diagnosis()
        for check in [Check.bucketsNearLimit, .finTimeoutCutsFinWait2, .finTimeoutIsNotTimeWait, .timestampsOff] {
            #expect(sysctls.reason(of: check) == "the sysctls could not be read")
        }
        for check in [Check.destinationExhausting, .destinationPortsHalfUsed] {
            #expect(sysctls.reason(of: check) == "destinations could not be counted")
        }
        world = World()
        world.range = nil
        let range = world.diagnosis()
        for check in [Check.rangeNearlyUsed, .listenerExposed, .bindHalfUsed, .rangeEndsSameParity, .reservedPortsIdle]
        {
            #expect(range.reason(of: check) == "the ephemeral range could not be read")
        }
        world = World()
        world.addresses = nil
        let addresses = world.diagnosis()
        for check in [Check.localProber, .manyPerListener] {
            #expect(addresses.reason(of: check) == "the addresses of this host could not be read")
        }
        world = World()
        world.overflow = nil
        #expect(world.diagnosis().reason(of: .overflow) == "/proc/net/netstat could not be read")
        world = World()
        world.hasTable = false
        let table = world.diagnosis()
        #expect(
            table.passed == [
                .bucketsNearLimit, .overflow, .finTimeoutCutsFinWait2, .timestampsOff, .rangeEndsSameParity,
            ]
        )
        for check in [Check.servicePortTaken, .servicePortBlocked, .finTimeoutIsNotTimeWait, .acceptQueueGrowing] {
            #expect(table.reason(of: check) == "the socket table could not be read")
        }
    }

    @Test(
        "A diagnosis lists each check once: found, explained, passed or not checked",
        arguments: World.examples.map(\.name)
    )
    func everyCheck(name: String) throws {
        var world = try #require(World.examples.first { $0.name == name }?.world)
        let diagnosis = world.diagnosis()
        let all =
            diagnosis.found + diagnosis.findings.flatMap(\.explains) + diagnosis.passed
            + diagnosis.notChecked.map(\.check)
        #expect(all.count == 20 && Set(all).count == 20)
    }

    // MARK: - Who

    @Test("A finding names an owner by process, unit or container, or else by user")
    func owners() {
        let cases: [(program: Program?, isRoot: Bool, text: String)] = [
            (Program("curl", pid: 4711, unit: "backup.service"), true, "curl (pid 4711, backup.service)"),
            (Program("nginx", pid: 12, container: "5f0c1d2e3a4b"), true, "nginx (pid 12, container 5f0c1d2e3a4b)"),
            (Program("nc", pid: 99), true, "nc (pid 99)"),
            (Program("curl", pid: 4711, user: 34), false, "a process of user backup (uid 34)"),
            (Program("curl", pid: 4711, user: 35), false, "a process of uid 35"),
            (nil, true, "no process"),
        ]
        for (program, isRoot, text) in cases {
            var world = World(services: [50_051])
            world.isRoot = isRoot
            world.userNames = [34: "backup"]
            world.connect(from: (.own, 50_051), to: (.remote, 443), by: program)
            #expect(world.diagnosis()[.servicePortTaken].first?.seen.last == text)
        }
    }

    @Test("A diagnosis counts the sockets with hidden owners and lists each of their users once")
    func hidden() {
        var world = World.incident()
        #expect(world.diagnosis().notSeen.hiddenSockets == 0)
        world.isRoot = false
        world.userNames[991] = nil
        let notSeen = world.diagnosis().notSeen
        #expect(notSeen.hiddenSockets == 27 && notSeen.sockets == 27)
        #expect(notSeen.users == ["root", "backup", "ledger", "uid 991", "thumbnails", "probe"])
    }

    @Test("A finding suggests kill with the process id for a holder without a service unit")
    func stop() {
        for unit in [nil, "session-3.scope", "-rf.service"] {
            var world = World(services: [50_051])
            world.connect(from: (.own, 50_051), to: (.remote, 443), by: Program("nc", pid: 99, unit: unit))
            #expect(world.diagnosis()[.servicePortTaken].first?.now?.commands == ["sudo kill 99"])
        }
    }
}

/// Random numbers with a seed (SplitMix64).
struct Generator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var number = state
        number = (number ^ number >> 30) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ number >> 27) &* 0x94D0_49BB_1331_11EB
        return number ^ number >> 31
    }
}
