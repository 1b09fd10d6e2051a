import Advice
import Model
import Situations
import Testing

@Suite("The checks of service ports")
struct ServicePortTests {
    private let backup = Program("curl", pid: 4711, unit: "backup.service", user: 34)
    private let client: End = (.remote, 443)

    // MARK: - service_port_taken

    @Test("service_port_taken finds an outgoing connection on the port of a stopped service")
    func taken() throws {
        var world = World(services: [50_051])
        world.connect(from: (.own, 50_051), to: client, by: backup)
        let finding = try #require(world.diagnosis()[.servicePortTaken].first)
        #expect(finding.severity == .critical && finding.key == "50051" && finding.failsIn == 0)
        #expect(finding.title == "Port 50051: its service cannot start, another socket holds its port")
        #expect(
            finding.seen == ["10.0.0.5:50051 -> 10.0.0.9:443 ESTABLISHED", "curl (pid 4711, backup.service)"]
        )
        #expect(finding.now?.commands == ["sudo systemctl stop backup.service"])
        #expect(finding.prevent?.commands.first?.hasPrefix("timewait_exporter reserve --ports=50051 >") == true)
        world.listen(50_051)
        #expect(world.diagnosis().passed.contains(.servicePortTaken))
    }

    @Test("service_port_taken reports when TIME_WAITs of others free the port and names no program")
    func takenByTimeWait() throws {
        var world = World(services: [50_051])
        world.timeWait(from: (.own, 50_051), to: client, age: 20)
        let finding = try #require(world.diagnosis()[.servicePortTaken].first)
        #expect(finding.title == "Port 50051: its service cannot start, TIME_WAITs of others hold it")
        #expect(finding.seen == ["1 TIME_WAIT of other programs, free in 44 s"])
        #expect(finding.evidence["free_in_seconds"] == .double(44))
        #expect(finding.now?.commands == ["sudo ss -tK state time-wait 'sport = :50051'"])
        world.pass(45)
        #expect(world.diagnosis()[.servicePortTaken].isEmpty)
    }

    @Test("service_port_taken reports a live holder if owners were not read")
    func takenWithoutOwners() throws {
        var world = World(services: [50_051])
        world.asksOwners = false
        world.connect(from: (.own, 50_051), to: client, by: backup)
        let finding = try #require(world.diagnosis()[.servicePortTaken].first)
        #expect(finding.title == "Port 50051: its service cannot start, another socket holds its port")
        #expect(finding.seen == ["1 socket of other programs"])
        #expect(finding.now?.commands == ["sudo ss -tanp 'sport = :50051'"])
    }

    @Test("service_port_taken ignores a holder on another address if the service can bind")
    func takenElsewhere() {
        var world = World(services: [50_051])
        world.listen(50_051, on: .own)
        world.read()
        world.stop(50_051)
        world.connect(from: (.loopback, 50_051), to: (.loopback, 8080), by: backup)
        world.pass(5)
        #expect(world.diagnosis()[.servicePortTaken].isEmpty)
    }

    @Test("service_port_taken is only a warning for a learnt port")
    func takenLearnt() throws {
        var world = World()
        world.restartService(on: 50_051)
        world.read()
        world.stop(50_051)
        world.connect(from: (.own, 50_051), to: client, by: backup)
        world.pass(5)
        #expect(try #require(world.diagnosis()[.servicePortTaken].first).severity == .warning)
    }

    @Test("service_port_taken suggests no reservation for a port outside the range")
    func takenOutside() throws {
        var world = World(services: [8080])
        world.listen(8080)
        world.read()
        world.stop(8080)
        world.connect(.boundInactive, from: (.anyIPv4, 8080), to: (.anyIPv4, 0), by: backup)
        world.pass(5)
        let finding = try #require(world.diagnosis()[.servicePortTaken].first)
        #expect(finding.why.hasPrefix("Port 8080 is outside the ephemeral range: a program asked for it by number."))
        #expect(finding.seen.first == "0.0.0.0:8080 bound, not connected")
        #expect(finding.prevent == nil)
        #expect(finding.why.hasSuffix("until that socket is closed."))
        // ss of iproute2 6.1 does not show it.
        var hidden = World(services: [8080])
        hidden.connect(.boundInactive, from: (.anyIPv4, 8080), to: (.anyIPv4, 0))
        #expect(
            hidden.diagnosis()[.servicePortTaken].first?.now?.commands
                == ["sudo timewait_exporter diagnose --services.ports=8080"]
        )
    }

    @Test("service_port_taken finds a UDP port held by another socket")
    func takenUDP() throws {
        var world = World(udpServices: [50_053])
        let service = SocketRow(
            localAddress: .anyIPv4,
            localPort: 50_053,
            remoteAddress: .anyIPv4,
            remotePort: 0,
            state: .close
        )
        world.udpSockets = [service]
        #expect(world.diagnosis()[.servicePortTaken].isEmpty)
        var other = service
        other.state = .established
        (other.localAddress, other.remoteAddress, other.remotePort) = (.own, .remote, 53)
        world.udpSockets = [other]
        world.pass(5)
        let finding = try #require(world.diagnosis()[.servicePortTaken].first)
        #expect(finding.key == "50053/udp" && finding.title.count <= 70)
        #expect(finding.now?.commands == ["sudo ss -uanp 'sport = :50053'"])
    }

    // MARK: - service_port_blocked

    private func blocked(_ connections: (inout World) -> Void) -> World {
        var world = World(services: [50_051])
        world.listen(50_051, by: .service("payments", pid: 900))
        world.connect(from: (.own, 50_051), to: (.remote, 40_000), by: .service("payments", pid: 900))
        world.read()
        world.remove { $0.localPort == 50_051 }
        connections(&world)
        world.pass(5)
        return world
    }

    @Test(
        "service_port_blocked finds a port held only by old connections and its free time"
    )
    func blocked() throws {
        var world = blocked { $0.timeWait(from: (.own, 50_051), to: (.remote, 40_000), age: 0) }
        let finding = try #require(world.diagnosis()[.servicePortBlocked].first)
        #expect(finding.severity == .warning && finding.key == "50051")
        #expect(finding.title == "Port 50051: 1 old connection of its service can block its restart")
        #expect(finding.seen == ["1 TIME_WAIT; free in 59 s"])
        #expect(finding.now?.text == "Start the service. If bind() fails: wait 59 s, then start it again.")
    }

    @Test("service_port_blocked ignores a free port and a port that another socket holds")
    func notBlocked() {
        var free = blocked { _ in }
        #expect(free.diagnosis()[.servicePortBlocked].isEmpty)
        var taken = blocked {
            $0.timeWait(from: (.own, 50_051), to: (.remote, 40_000), age: 0)
            $0.connect(.boundInactive, from: (.anyIPv4, 50_051), to: (.anyIPv4, 0), by: backup)
        }
        let diagnosis = taken.diagnosis()
        #expect(diagnosis[.servicePortBlocked].isEmpty && diagnosis[.servicePortTaken].count == 1)
    }

    // MARK: - restart_would_fail

    private func closingFirst(reusesAddress: Bool = false, reusesPort: Bool = false) -> World {
        var world = World()
        let options = SocketOptions(reusesAddress: reusesAddress, reusesPort: reusesPort, bindsWithoutPort: false)
        world.listen(8080, by: .service("shop", pid: 900), options: options)
        for port: Port in 0..<3 { world.timeWait(from: (.own, 8080), to: (.remote, 40_000 + port)) }
        return world
    }

    @Test(
        "restart_would_fail finds a service that closes first without SO_REUSEADDR or SO_REUSEPORT"
    )
    func wouldFail() throws {
        var world = closingFirst()
        let finding = try #require(world.diagnosis()[.restartWouldFail].first)
        #expect(finding.severity == .warning && finding.key == "8080")
        #expect(finding.title == "Port 8080: shop cannot start again for up to 64 s after a stop")
        #expect(
            finding.seen == [
                "3 TIME_WAITs on the port: the service closes first",
                "shop (pid 900, shop.service) did not set SO_REUSEADDR",
            ]
        )
        for (reusesAddress, reusesPort) in [(true, false), (false, true)] {
            var world = closingFirst(reusesAddress: reusesAddress, reusesPort: reusesPort)
            #expect(world.diagnosis().passed.contains(.restartWouldFail))
        }
    }

    @Test("restart_would_fail ignores a service if its clients close first")
    func clientsClose() {
        var world = World()
        let options = SocketOptions(reusesAddress: false, reusesPort: false, bindsWithoutPort: false)
        world.listen(8080, by: .service("shop", pid: 900), options: options)
        world.timeWait(from: (.loopback, 40_000), to: (.loopback, 8080))
        #expect(world.diagnosis().passed.contains(.restartWouldFail))
    }

    @Test("restart_would_fail is not checked without root or without owners")
    func unasked() {
        var world = closingFirst()
        world.isRoot = false
        #expect(
            world.diagnosis().reason(of: .restartWouldFail)
                == "only root can read SO_REUSEADDR of listening sockets"
        )
        world.asksOwners = false
        #expect(world.diagnosis().reason(of: .restartWouldFail) == "SO_REUSEADDR of the sockets was not read")
    }
}
