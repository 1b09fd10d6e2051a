import Advice
import Model
import Situations
import Testing

@Suite("The checks of the whole host")
struct HostTests {
    // MARK: - local_prober, many_per_listener

    /// A host with so many services, of which a prober of the host dials some; each probe left so
    /// many TIME_WAITs.
    private func probed(_ dialed: Int, of services: Int, timeWaits: Int = 2) -> World {
        var world = World()
        for number in 0..<services {
            world.listen(8000 + Port(number), by: .service("s\(number)", pid: 100 + Int32(number)))
        }
        var ports = ConnectPorts()
        for number in 0..<dialed {
            for index in 0..<timeWaits {
                let age = Double(index * 60) / Double(timeWaits)
                world.timeWait(from: (.loopback, ports.next()), to: (.loopback, 8000 + Port(number)), age: age)
            }
        }
        return world
    }

    @Test("local_prober finds clients of at least five services and of more than half of all")
    func prober() {
        for (dialed, services, isFound) in [(4, 4, false), (5, 5, true), (5, 10, false), (6, 10, true), (5, 9, true)] {
            var world = probed(dialed, of: services)
            #expect(world.diagnosis()[.localProber].isEmpty == !isFound, "\(dialed) of \(services)")
        }
    }

    @Test("local_prober reports who closed first and names a program connected to the same ports")
    func whoProbes() throws {
        var world = probed(6, of: 10, timeWaits: 12)
        let prober = Program("python3", pid: 2210, unit: "health-probe.service")
        world.connect(from: (.loopback, 60_000), to: (.loopback, 8001), by: prober)
        world.connect(from: (.loopback, 8001), to: (.loopback, 60_000), by: .service("s1", pid: 101))
        world.connect(from: (.loopback, 60_002), to: (.loopback, 8002), by: prober)
        world.connect(from: (.loopback, 8002), to: (.loopback, 60_002), by: .service("s2", pid: 102))
        // One connection is anybody's.
        world.connect(from: (.loopback, 60_004), to: (.loopback, 8003), by: Program("curl", pid: 2211))
        let finding = try #require(world.diagnosis()[.localProber].first)
        #expect(finding.title == "A prober on this host dials 6 of 10 listening ports")
        #expect(
            finding.seen == [
                "72 of 72 TIME_WAITs have both ends on this host: about 12 on each of 6 ports, 1.2 new per second",
                "the client closed first on each of them",
                "likely python3 (pid 2210, health-probe.service): it has connections to 2 of these ports now; a TIME_WAIT"
                    + " has no owning process",
            ]
        )
        #expect(finding.now?.commands == ["ss -Hltn 'sport = :8000'"])
    }

    @Test("local_prober names the program that was seen opening short connections")
    func dialers() throws {
        var world = probed(6, of: 10)
        world.dialers = [SocketProcess(pid: 9, name: "curl"): PortSet([8000, 8001])]
        // A program that keeps connections to its database and its cache is no prober, and hides
        // none.
        let shop = Program("shop", pid: 70)
        for number in 0..<3 {
            world.connect(from: (.loopback, 60_000 + Port(2 * number)), to: (.loopback, 8000 + Port(number)), by: shop)
        }
        let finding = try #require(world.diagnosis()[.localProber].first)
        #expect(finding.seen.last?.hasPrefix("likely curl (pid 9): it dials 2 of these ports now") == true)
    }

    @Test("local_prober names no program if no program was seen opening connections")
    func nobodyDials() throws {
        var world = probed(6, of: 10)
        for number in 0..<6 {
            let ends = (Port(60_000 + 2 * number), Port(8000 + number))
            world.connect(from: (.loopback, ends.0), to: (.loopback, ends.1), by: Program("shop", pid: 70))
        }
        world.dialers = [:]
        #expect(try #require(world.diagnosis()[.localProber].first).evidence["likely"] == .null)
    }

    @Test("local_prober names no program with connections to only a few of the services")
    func keepsConnections() throws {
        for (ports, isNamed) in [(2, false), (3, false), (4, true), (10, true)] {
            var world = probed(10, of: 10, timeWaits: 12)
            for number in 0..<ports {
                world.connect(
                    from: (.loopback, 60_000 + Port(2 * number)),
                    to: (.loopback, 8000 + Port(number)),
                    by: Program("shop", pid: 70)
                )
            }
            let finding = try #require(world.diagnosis()[.localProber].first)
            #expect((finding.evidence["likely"] != .null) == isNamed, "\(ports)")
        }
    }

    @Test("local_prober ignores services that connect to each other at different rates")
    func noProber() {
        for (counts, isFound) in [
            ([1, 1, 1, 1, 1, 1], true), ([2, 2, 2, 2, 2, 2], true), ([300, 250, 250, 80, 3, 1], false),
            ([60, 61, 30, 120, 59, 5000], true), ([3, 2, 4, 2, 5], true),
        ] {
            var world = World()
            var ports = ConnectPorts()
            for (number, count) in counts.enumerated() {
                let port = 8000 + Port(number)
                world.listen(port, by: .service("s\(number)", pid: 100 + Int32(number)))
                for _ in 0..<count { world.timeWait(from: (.loopback, ports.next()), to: (.loopback, port)) }
            }
            #expect(world.diagnosis()[.localProber].isEmpty == !isFound, "\(counts)")
        }
    }

    @Test("local_prober reports no owner if no program has connections to the services")
    func nobody() throws {
        var world = probed(6, of: 10)
        let finding = try #require(world.diagnosis()[.localProber].first)
        #expect(finding.evidence["likely"] == .null)
        #expect(
            finding.seen.last == "a TIME_WAIT has no owning process, and no process was seen to make such connections"
        )
    }

    @Test(
        "many_per_listener finds more than 10 TIME_WAITs per LISTEN socket and more than 500 in all"
    )
    func many() {
        // Half of the services are dialed: that is no prober.
        let cases: [(services: Int, timeWaits: Int, isFound: Bool)] = [
            (10, 100, false), (10, 101, true), (52, 20, false), (50, 20, false), (50, 21, true),
        ]
        for (services, timeWaits, isFound) in cases {
            var world = probed(services / 2, of: services, timeWaits: timeWaits)
            #expect(world.diagnosis()[.manyPerListener].isEmpty == !isFound, "\(services), \(timeWaits)")
        }
        var fewServices = probed(4, of: 10, timeWaits: 200)
        #expect(fewServices.diagnosis().passed.contains(.manyPerListener))
        for (remote, isFound) in [(800, true), (801, false)] {
            var world = probed(4, of: 8, timeWaits: 200)
            for number in 0..<remote { world.timeWait(from: (.own, 8000), to: (.remote, 10_000 + Port(number))) }
            #expect(world.diagnosis()[.manyPerListener].isEmpty == !isFound, "\(remote) remote")
        }
    }

    @Test("local_prober includes the finding of many_per_listener")
    func merged() throws {
        var world = probed(10, of: 10, timeWaits: 60)
        let diagnosis = world.diagnosis()
        #expect(diagnosis.found == [.localProber])
        let finding = try #require(diagnosis.findings.first)
        #expect(finding.explains == [.manyPerListener])
        #expect(finding.why.hasSuffix("This is also why there are 60 TIME_WAITs for each LISTEN socket."))
        #expect(!diagnosis.passed.contains(.manyPerListener))
    }

    // MARK: - buckets_near_limit, overflow

    @Test("buckets_near_limit finds TIME_WAITs above 75 % of tcp_max_tw_buckets")
    func buckets() throws {
        for (count, isFound) in [(75, false), (76, true)] {
            var world = World()
            world.sysctls?[.tcpMaxTWBuckets] = 100
            for number in 0..<count { world.timeWait(from: (.own, 443), to: (.remote, 10_000 + Port(number))) }
            #expect(world.diagnosis()[.bucketsNearLimit].isEmpty == !isFound, "\(count)")
        }
        var world = World()
        world.sysctls?[.tcpMaxTWBuckets] = 100
        for number in 0..<76 { world.timeWait(from: (.own, 443), to: (.remote, 10_000 + Port(number))) }
        let finding = try #require(world.diagnosis()[.bucketsNearLimit].first)
        #expect(finding.title == "TIME_WAITs are at 76 % of the kernel's limit" && finding.seen == ["76 of 100"])
        #expect(finding.now?.commands == ["sudo sysctl -w net.ipv4.tcp_max_tw_buckets=200"])
    }

    @Test("overflow needs two readings if the namespace has overflowed before")
    func overflow() throws {
        var world = World()
        #expect(world.diagnosis().passed.contains(.overflow), "what never happened does not happen now")
        world = World()
        world.overflow = 1200
        let reason = world.diagnosis().reason(of: .overflow)
        #expect(
            reason == "1,200 since the start of this network namespace; two readings show whether more follow: --for=5s"
        )
        world.pass(5)
        #expect(world.diagnosis().passed.contains(.overflow))
        world.overflow = 1203
        world.pass(5)
        let finding = try #require(world.diagnosis()[.overflow].first)
        #expect(finding.seen == ["3 connections in the last 5 s"])
        #expect(finding.now?.commands == ["sudo sysctl -w net.ipv4.tcp_max_tw_buckets=524288"])
    }

    @Test("overflow finds an overflow of the last ten minutes in a running exporter")
    func overflowRemembered() {
        var world = World()
        world.hasMemory = true
        world.read()
        world.overflow = 7
        world.pass(30)
        #expect(world.diagnosis()[.overflow].count == 1)
        for _ in 0..<21 {
            world.pass(30)
            world.read()
        }
        #expect(world.diagnosis().passed.contains(.overflow))
    }

    @Test("overflow includes the finding of buckets_near_limit")
    func overflowExplains() {
        var world = World()
        world.sysctls?[.tcpMaxTWBuckets] = 100
        for number in 0..<100 { world.timeWait(from: (.own, 443), to: (.remote, 10_000 + Port(number)), age: 0) }
        world.read()
        world.overflow = 3
        world.pass(5)
        let diagnosis = world.diagnosis()
        #expect(diagnosis.found == [.overflow] && diagnosis.findings.first?.explains == [.bucketsNearLimit])
    }

    // MARK: - Sysctls

    @Test("fin_timeout_cuts_fin_wait2 finds a tcp_fin_timeout from 61 to 119")
    func cutsFinWait2() {
        for (value, seconds) in [(60, nil), (61, 2), (90, 60), (119, 118), (120, nil)] {
            var world = World()
            world.sysctls?[.tcpFinTimeout] = value
            let finding = world.diagnosis()[.finTimeoutCutsFinWait2].first
            #expect(finding?.evidence["fin_wait2_seconds"] == seconds.map { .int($0) }, "\(value)")
        }
    }

    @Test("fin_timeout_is_not_time_wait notes a timeout of 30 or 120 s beside many TIME_WAITs")
    func finTimeout() {
        let cases = [(30, 501, true), (30, 500, false), (60, 501, false), (90, 501, false), (120, 501, true)]
        for (value, timeWaits, isFound) in cases {
            var world = World()
            world.sysctls?[.tcpFinTimeout] = value
            for number in 0..<timeWaits { world.timeWait(from: (.own, 443), to: (.remote, 10_000 + Port(number))) }
            let findings = world.diagnosis()[.finTimeoutIsNotTimeWait]
            #expect(findings.isEmpty == !isFound, "\(value), \(timeWaits)")
            if isFound { #expect(findings.first?.severity == .note) }
        }
    }

    @Test("timestamps_off finds tcp_timestamps set to 0")
    func timestamps() {
        for (value, isFound) in [(0, true), (1, false), (2, false)] {
            var world = World()
            world.sysctls?[.tcpTimestamps] = value
            #expect(world.diagnosis()[.timestampsOff].isEmpty == !isFound)
        }
    }

    @Test("sysctl_changed notes changes of the last ten minutes with the old value")
    func changes() throws {
        var world = World()
        world.hasMemory = true
        world.read()
        world.sysctls?[.tcpTWReuse] = 1
        world.reserved = PortSet([50_051])
        world.pass(5)
        let findings = world.diagnosis()[.sysctlChanged]
        #expect(findings.map(\.key) == ["ip_local_reserved_ports", "tcp_tw_reuse"])
        #expect(findings.map(\.seen) == [["none -> 50051"], ["2 -> 1"]])
        #expect(findings.first?.now?.commands == ["timewait_exporter reserve --check"])
        world.pass(384)
        #expect(world.diagnosis()[.sysctlChanged].last?.title == "net.ipv4.tcp_tw_reuse was changed 6 min 24 s ago")
        world.pass(216)
        #expect(world.diagnosis()[.sysctlChanged].count == 2)
        world.pass(1)
        #expect(world.diagnosis().passed.contains(.sysctlChanged))
    }

    @Test("sample_stale finds a collector without success for more than 300 seconds")
    func stale() throws {
        func found(_ age: Double?, failures: UInt64 = 3, succeeded: Bool = false) -> [Finding] {
            var status = CollectorStatus(reasons: ["permission_denied", "malformed"])
            status.succeeded = succeeded
            status.lastSuccess = age.map { World.start - $0 }
            status.errors["permission_denied"] = failures
            var world = World()
            world.hasMemory = true
            world.collectors = [.netstat: status]
            return world.diagnosis()[.sampleStale]
        }
        #expect(found(300).isEmpty && found(301).count == 1 && found(301, succeeded: true).isEmpty)
        #expect(found(nil, failures: 0).isEmpty && found(nil).map(\.title) == ["netstat could never be read"])
        #expect(found(301).map(\.seen) == [["failures: permission_denied 3"]])
    }

    @Test("A diagnosis without memory leaves out sysctl_changed and sample_stale")
    func memory() {
        var world = World()
        let once = world.diagnosis()
        #expect(once.passed.count == 20 && !once.passed.contains(.sysctlChanged) && !once.passed.contains(.sampleStale))
        world.hasMemory = true
        #expect(world.diagnosis().passed.count == 22)
    }
}
