import Advice
import Model
import Situations
import Testing

@Suite("The checks of listeners")
struct ListenerTests {
    private let backup = Program("curl", pid: 4711, unit: "backup.service", user: 34)
    private let client: End = (.remote, 443)

    // MARK: - listener_exposed

    @Test("listener_exposed finds listeners of the parity of connect() and configured ports")
    func exposed() {
        let cases: [(port: Port, services: [Port], reserved: [Port], isFound: Bool)] = [
            (50_052, [], [], true), (50_052, [], [50_052], false), (50_051, [], [], false),
            (50_051, [50_051], [], true), (32_768, [], [], true), (32_766, [], [], false), (61_000, [], [], false),
            (60_998, [], [], true),
        ]
        for (port, services, reserved, isFound) in cases {
            var world = World(services: services)
            world.reserved = PortSet(reserved)
            world.listen(port, by: .service("ledger", pid: 1822))
            #expect(world.diagnosis()[.listenerExposed].count == (isFound ? 1 : 0), "\(port) \(services) \(reserved)")
        }
    }

    @Test("listener_exposed finds an odd port with a risk above 1 %")
    func risk() {
        // Of 14,116 odd ports one is listened on: 142 of 14,115 are above 1 %, 141 are not.
        for (used, isFound) in [(141, false), (142, true)] {
            var world = World()
            world.listen(50_051)
            for number in 0..<used {
                world.connect(from: (.own, 32_769 + 2 * Port(number)), to: client, by: backup)
            }
            #expect(world.diagnosis()[.listenerExposed].isEmpty == !isFound, "\(used)")
        }
    }

    @Test("listener_exposed finds an odd port after its service returned to it")
    func recurring() {
        var world = World()
        world.restartService(on: 50_051)
        #expect(world.diagnosis()[.listenerExposed].map(\.key) == ["50051"])
    }

    @Test("listener_exposed lists at most ten ports in order of risk")
    func exposedList() throws {
        var world = World()
        for number: Port in 0..<12 { world.listen(50_000 + 2 * number, by: .service("s\(number)", pid: 100)) }
        world.connect(from: (.own, 33_001), to: client, by: backup)
        world.listen(50_101, by: .service("odd", pid: 100))
        let finding = try #require(world.diagnosis()[.listenerExposed].first)
        #expect(finding.title == "13 services can lose their port when they restart")
        #expect(finding.seen.count == 11 && finding.seen.last == "and 3 more")
        #expect(finding.seen.first?.hasPrefix("50101  odd (pid 100, odd.service)") == true)
        #expect(
            Set(finding.seen.dropLast().map { $0.firstRange(of: "risk")?.lowerBound.utf16Offset(in: $0) }).count == 1
        )
    }

    // MARK: - self_connected

    @Test("self_connected finds a socket connected to itself in any state")
    func selfConnected() throws {
        for state in [TCPState.established, .closeWait, .finWait2] {
            var world = World()
            world.connect(state, from: (.loopback, 50_052), to: (.loopback, 50_052), by: .service("agent", pid: 77))
            let finding = try #require(world.diagnosis()[.selfConnected].first, "\(state)")
            #expect(finding.severity == .critical && finding.key == "50052")
            #expect(finding.seen.last == "agent (pid 77, agent.service)")
            #expect(finding.now?.commands == ["sudo systemctl restart agent.service"])
        }
        var world = World()
        world.connect(from: (.loopback, 50_052), to: (.loopback, 50_054), by: .service("agent", pid: 77))
        #expect(world.diagnosis().passed.contains(.selfConnected))
    }

    @Test("self_connected reports a live connection instead of an old TIME_WAIT on the same port")
    func selfConnectedTwice() throws {
        var world = World()
        world.timeWait(from: (.own, 50_052), to: (.own, 50_052))
        let old = world.diagnosis()[.selfConnected]
        #expect(old.map(\.now?.text) == ["Wait until it is gone, 64 s at most, then start the service."])
        world.connect(from: (.loopback, 50_052), to: (.loopback, 50_052), by: .service("agent", pid: 77))
        let both = world.diagnosis()[.selfConnected]
        #expect(both.map(\.evidence).map { $0["state"] } == [.text("established")])
    }

    // MARK: - accept_queue_growing

    @Test("accept_queue_growing finds more than 10 connections or more than half of the backlog")
    func acceptQueue() throws {
        let cases: [(queue: UInt32, limit: UInt32, source: TableSource, isFound: Bool)] = [
            (10, 4096, .sockDiag, false), (11, 4096, .sockDiag, true), (4, 8, .sockDiag, false),
            (5, 8, .sockDiag, true),
            (0, 0, .sockDiag, false), (10, 8, .procfs, false), (11, 8, .procfs, true),
        ]
        for (queue, limit, source, isFound) in cases {
            var world = World()
            world.source = source
            world.listen(8080, by: .service("shop", pid: 900), queue: queue, limit: limit)
            let findings = world.diagnosis()[.acceptQueueGrowing]
            #expect(findings.count == (isFound ? 1 : 0), "\(queue) of \(limit), \(source)")
        }
        var world = World()
        world.listen(8080, by: .service("shop", pid: 900), queue: 65, limit: 128)
        let finding = try #require(world.diagnosis()[.acceptQueueGrowing].first)
        #expect(finding.title == "Port 8080: 65 connections wait for shop to accept them")
        #expect(finding.seen.first == "65 in the accept queue, which holds 129")
    }

    @Test("accept_queue_growing needs a long accept queue in both of two readings")
    func acceptQueueTwice() {
        for (first, isFound) in [(UInt32(0), false), (20, true)] {
            var world = World()
            world.listen(8080, queue: first)
            world.read()
            world.stop(8080)
            world.listen(8080, queue: 20)
            world.pass(5)
            #expect(world.diagnosis()[.acceptQueueGrowing].isEmpty == !isFound)
        }
    }

    // MARK: - close_wait_growing

    private func closeWaits(_ closed: Int, established: Int) -> World {
        var world = World()
        world.listen(8080, by: .service("shop", pid: 900))
        for number in 0..<closed { world.connect(.closeWait, from: (.own, 8080), to: (.remote, 30_000 + Port(number))) }
        for number in 0..<established { world.connect(from: (.own, 8080), to: (.remote, 40_000 + Port(number))) }
        return world
    }

    @Test("close_wait_growing finds more than 100 CLOSE_WAITs if they outnumber ESTABLISHED")
    func closeWait() throws {
        for (closed, established, isFound) in [(100, 0, false), (101, 0, true), (101, 100, true), (101, 101, false)] {
            var world = closeWaits(closed, established: established)
            #expect(world.diagnosis()[.closeWaitGrowing].isEmpty == !isFound, "\(closed), \(established)")
        }
        var world = closeWaits(150, established: 2)
        let finding = try #require(world.diagnosis()[.closeWaitGrowing].first)
        #expect(finding.title == "Port 8080: shop does not close 150 connections")
        #expect(finding.seen == ["150 CLOSE_WAIT, 2 ESTABLISHED", "shop (pid 900, shop.service)"])
        #expect(finding.now?.commands == ["sudo systemctl restart shop.service"])
    }

    @Test("close_wait_growing finds fewer CLOSE_WAITs if they rise by five between two readings")
    func closeWaitRises() {
        for (more, isFound) in [(4, false), (5, true)] {
            var world = closeWaits(10, established: 2)
            world.read()
            for number in 0..<more {
                world.connect(.closeWait, from: (.own, 8080), to: (.remote, 50_000 + Port(number)))
            }
            world.pass(5)
            #expect(world.diagnosis()[.closeWaitGrowing].isEmpty == !isFound, "\(more)")
        }
    }

    // MARK: - reserved_ports_idle

    @Test("reserved_ports_idle finds reserved ports without a listener or outside the range")
    func idle() throws {
        var world = World()
        world.reserved = PortSet([8080, 50_051, 50_053])
        world.listen(50_051)
        world.udpPorts = PortSet([50_053])
        #expect(world.diagnosis()[.reservedPortsIdle].map(\.seen) == [["8080  outside the range, no use"]])
        world.reserved = PortSet([50_051, 50_053])
        #expect(world.diagnosis().passed.contains(.reservedPortsIdle))
        world.udpPorts = PortSet()
        let finding = try #require(world.diagnosis()[.reservedPortsIdle].first)
        #expect(finding.severity == .note && finding.title == "1 of 2 reserved ports protects nothing now")
    }
}
