import Advice
import Model
import Situations
import Testing

@Suite("The checks of the ephemeral range")
struct RangeTests {
    private let database: End = (.remote, 5432)
    private let orders = Program.service("orders", pid: 812)
    /// The usable ports of the default range.
    private let usable = 28_232

    /// A host that has so many live connections and TIME_WAITs of this age to one destination.
    private func busy(live: Int, timeWaits: Int = 0, age: Double = 30) -> World {
        var world = World()
        var ports = ConnectPorts()
        for _ in 0..<live { world.connect(from: (.own, ports.next()), to: database, by: orders) }
        for _ in 0..<timeWaits { world.timeWait(from: (.own, ports.next()), to: database, age: age) }
        return world
    }

    // MARK: - destination_ports_half_used

    @Test(
        "destination_ports_half_used is a warning above 50 % of the ports and critical above 85 %"
    )
    func halfUsed() throws {
        for (live, severity) in [(14_116, nil), (14_117, Severity.warning), (23_997, .warning), (23_998, .critical)] {
            var world = busy(live: live)
            #expect(world.diagnosis()[.destinationPortsHalfUsed].first?.severity == severity, "\(live)")
        }
        var world = busy(live: 14_117)
        let finding = try #require(world.diagnosis()[.destinationPortsHalfUsed].first)
        #expect(finding.title == "10.0.0.9:5432 uses 50 % of the usable ports")
        #expect(finding.key == "10.0.0.5 10.0.0.9:5432")
        #expect(
            finding.seen == [
                "14,117 of 28,232 usable ports (50 %): 14,117 live, 0 TIME_WAIT",
                "orders (pid 812, orders.service) holds 14,117 of the live connections",
            ]
        )
    }

    @Test("destination_ports_half_used leaves out TIME_WAITs that connect() can reuse")
    func reusable() {
        var world = World()
        world.listen(5432)
        var ports = ConnectPorts()
        // tcp_tw_reuse is 2: between loopback addresses they are taken over.
        for _ in 0..<20_000 { world.timeWait(from: (.loopback, ports.next()), to: (.loopback, 5432)) }
        #expect(world.diagnosis().passed.contains(.destinationPortsHalfUsed))
    }

    @Test("destination_ports_half_used finds a range without a usable port")
    func noneUsable() throws {
        for (reserved, isFound) in [(40_000...40_009, true), (40_000...40_008, false)] {
            var world = World()
            world.range = PortRange(low: 40_000, high: 40_009)
            world.reserved = PortSet(reserved.map { Port($0) })
            for port in reserved { world.listen(Port(port)) }
            let findings = world.diagnosis()[.destinationPortsHalfUsed]
            #expect(findings.isEmpty == !isFound)
            if isFound { #expect(findings.first?.severity == .critical && findings.first?.failsIn == 0) }
        }
    }

    // MARK: - destination_exhausting

    @Test(
        "destination_exhausting finds a forecast below 600 seconds and a lack of free ports"
    )
    func exhausting() throws {
        var full = busy(live: usable)
        let now = try #require(full.diagnosis()[.destinationExhausting].first)
        #expect(now.title == "10.0.0.9:5432: connect() fails now" && now.failsIn == 0 && now.severity == .critical)
        #expect(now.why.hasPrefix("No port is left: connect() from 10.0.0.5 to it fails with EADDRNOTAVAIL."))
        var almost = busy(live: usable - 1)
        #expect(almost.diagnosis()[.destinationExhausting].isEmpty)

        // So many live connections more a second, and so many ports left, as the generator made
        // them.
        for (left, isFound) in [(11_900, true), (12_100, false)] {
            var world = busy(live: usable - left - 400)
            var ports = ConnectPorts()
            for _ in 0..<(usable - left - 400) { _ = ports.next() }
            world.read()
            for second in 1...20 {
                for _ in 0..<20 { world.connect(from: (.own, ports.next()), to: database, by: orders) }
                world.pass(1)
                if second < 20 { world.read() }
            }
            let diagnosis = world.diagnosis()
            #expect(diagnosis[.destinationExhausting].isEmpty == !isFound, "\(left)")
            if let finding = diagnosis[.destinationExhausting].first {
                #expect(abs((finding.failsIn ?? 0) - Double(left) / 20) < 6)
            }
        }
    }

    @Test("destination_exhausting forecasts short connections from one reading")
    func oneReading() {
        for (rate, isFound) in [(600, true), (400, false)] {
            var world = World()
            var ports = ConnectPorts()
            for number in 0..<(20 * rate) {
                world.timeWait(from: (.own, ports.next()), to: database, age: Double(number) / Double(rate))
            }
            let diagnosis = world.diagnosis()
            #expect(diagnosis[.destinationExhausting].isEmpty == !isFound, "\(rate)")
            // Fewer than half of the ports are used yet, and nothing has to be searched.
            if let why = diagnosis[.destinationExhausting].first?.why { #expect(why.contains("Above 50 %")) }
        }
    }

    @Test("A finding chooses its remedy by the holders of the ports and by the reuse sysctls")
    func cure() throws {
        func finding(_ world: World) throws -> Finding {
            var world = world
            return try #require(world.diagnosis()[.destinationPortsHalfUsed].first)
        }
        let live = try finding(busy(live: 14_200, timeWaits: 14_000))
        #expect(live.now?.commands == ["sudo systemctl restart orders.service"])
        #expect(live.not == "Do not rely on tcp_tw_reuse: live connections hold the ports, not TIME_WAITs.")

        let waits = try finding(busy(live: 14_000, timeWaits: 14_200))
        #expect(waits.now?.commands == ["sudo sysctl -w net.ipv4.tcp_tw_reuse=1"])
        #expect(waits.not.hasPrefix("Do not lower tcp_fin_timeout"))

        var off = busy(live: 0, timeWaits: 14_200)
        off.sysctls?[.tcpTimestamps] = 0
        #expect(
            try finding(off).now?.commands
                == ["sudo sysctl -w net.ipv4.tcp_timestamps=1", "sudo sysctl -w net.ipv4.tcp_tw_reuse=1"]
        )

        var on = busy(live: 0, timeWaits: 14_200)
        on.sysctls?[.tcpTWReuse] = 1
        #expect(try finding(on).now?.commands == ["sudo ss -tanp 'dst 10.0.0.9 and dport = :5432'"])

        var hidden = busy(live: 14_200)
        hidden.isRoot = false
        let unknown = try finding(hidden)
        #expect(unknown.now?.commands == ["sudo ss -tanp 'dst 10.0.0.9 and dport = :5432'"])
        #expect(unknown.seen.last == "a process of user root (uid 0) holds live connections")
    }

    @Test(
        "A finding writes an IPv6 address in brackets and breaks a long command before its filter"
    )
    func ipv6() throws {
        let remote = IPAddress(high: 0x2001_0db8_1234_5678, low: 0x9abc_def0_1234_5678)
        var world = World()
        world.isRoot = false
        var ports = ConnectPorts()
        for _ in 0..<14_200 { world.connect(from: (.own6, ports.next()), to: (remote, 5432), by: orders) }
        let finding = try #require(world.diagnosis()[.destinationPortsHalfUsed].first)
        #expect(finding.title.hasPrefix("[2001:db8:1234:5678:9abc:def0:1234:5678]:5432 uses 50 %"))
        #expect(
            finding.now?.commands == [
                "sudo ss -tanp \\", "  'dst [2001:db8:1234:5678:9abc:def0:1234:5678] and dport = :5432'",
            ]
        )
    }

    // MARK: - range_nearly_used, bind_half_used

    /// A host where a program binds before it connects, to as many destinations as it has
    /// connections.
    private func binders(_ count: Int, bindsWithoutPort: Bool = false) -> World {
        var world = World()
        let options = SocketOptions(reusesAddress: false, reusesPort: false, bindsWithoutPort: bindsWithoutPort)
        for number in 0..<count {
            let port = number < 14_116 ? 32_769 + 2 * Port(number) : 32_768 + 2 * Port(number - 14_116)
            let remote = IPAddress(v4: 0xC633_0000 + UInt32(number % 1000))
            world.connect(from: (.own, port), to: (remote, 443), by: .service("sender", pid: 55), options: options)
        }
        return world
    }

    @Test(
        "range_nearly_used finds use above 85 % of the range and names the program that binds"
    )
    func range() throws {
        for (count, isFound) in [(23_997, false), (23_998, true)] {
            var world = binders(count)
            #expect(world.diagnosis()[.rangeNearlyUsed].isEmpty == !isFound, "\(count)")
        }
        var world = binders(23_998)
        let diagnosis = world.diagnosis()
        let finding = try #require(diagnosis[.rangeNearlyUsed].first)
        #expect(finding.severity == .warning && finding.explains == [.bindHalfUsed])
        #expect(
            finding.seen == [
                "23,998 of 28,232 usable ports: 23,998 ESTABLISHED, 0 TIME_WAIT, 0 other; the range does not run out",
                "likely sender (pid 55, sender.service): it holds 14,116 of these ports now",
            ]
        )
        #expect(finding.now?.commands == ["sudo systemctl restart sender.service"])
        #expect(diagnosis[.bindHalfUsed].isEmpty && !diagnosis.passed.contains(.bindHalfUsed))
    }

    @Test("range_nearly_used is critical if no port is left")
    func rangeFull() throws {
        var world = binders(28_232)
        let finding = try #require(world.diagnosis()[.rangeNearlyUsed].first)
        #expect(finding.severity == .critical && finding.failsIn == 0)
        #expect(finding.seen.first?.hasSuffix("none is left") == true)
    }

    @Test("bind_half_used finds more than half of the ports that bind() takes first")
    func bindHalf() throws {
        for (count, isFound) in [(7058, false), (7059, true)] {
            var world = binders(count)
            #expect(world.diagnosis()[.bindHalfUsed].isEmpty == !isFound, "\(count)")
        }
        var world = binders(7059)
        let finding = try #require(world.diagnosis()[.bindHalfUsed].first)
        #expect(finding.title == "Clients that bind before they connect use 50 % of the odd ports")
        // One destination that has gone on to the other half needs it.
        var busy = busy(live: 22_000)
        #expect(busy.diagnosis()[.bindHalfUsed].isEmpty)
    }

    @Test("bind_half_used names no program with IP_BIND_ADDRESS_NO_PORT on its sockets")
    func bindsWithoutPort() throws {
        var world = binders(7059, bindsWithoutPort: true)
        let finding = try #require(world.diagnosis()[.bindHalfUsed].first)
        #expect(finding.seen.count == 1)
        #expect(finding.now?.commands == ["sudo ss -tanp state connected"])
    }

    // MARK: - range_ends_same_parity

    @Test("range_ends_same_parity finds a range from even to even or from odd to odd ports")
    func parity() throws {
        for (low, high, isFound) in [
            (Port(32_768), Port(60_999), false), (32_768, 61_000, true), (32_769, 60_999, true),
        ] {
            var world = World()
            world.range = PortRange(low: low, high: high)
            #expect(world.diagnosis()[.rangeEndsSameParity].isEmpty == !isFound, "\(low)-\(high)")
        }
        var world = World()
        world.range = PortRange(low: 32_768, high: 61_000)
        let finding = try #require(world.diagnosis()[.rangeEndsSameParity].first)
        #expect(finding.severity == .note && finding.prevent?.text == "Make the last port odd.")
        #expect(finding.seen == ["32768-61000, 28,233 ports"])
    }
}
