import Model
import Sampler
import Scenes
import Testing

@Suite("The sampler in a sandbox with a procfs of its own")
struct GVisorTests {
    @Test("The sampler reads the procfs of gVisor without failures")
    func gVisorFixture() throws {
        let log = Log()
        var sampler = Sampler(of: Scene("gvisor"), interval: 1, log: log)
        for second in 0..<3 {
            let sample = sampler.tick(at: start + Double(second))
            #expect(sample.range == EphemeralRange(ports: PortRange(low: 16_000, high: 65_535)!, reserved: PortSet()))
            #expect(sample.sysctls == [.tcpTimestamps: 1, .tcpRFC1337: 1])
            #expect(sample.ports?.table[.ipv4, .listen] == 2 && sample.ports?.table[.ipv6, .listen] == 1)
            #expect(sample.ports?.table[.ipv4, .established] == 3)
            #expect(sample.ports?.ports.map(\.port) == [443, 8080, 9090])
            #expect(sample.ports?.ports.map(\.established) == [0, 2, 0])
            #expect(sample.ports?.listening == ListeningPorts(outside: 3, reserved: 0, exposed: 0))
            #expect(sample.udpPorts?.count == 1 && sample.counters == nil && sample.statistics == nil)
            let absent: Set<Collector> = [.sockstat, .netstat, .localAddresses]
            #expect(absent.isDisjoint(with: sample.collectors.keys))
            #expect(sample.collectors.values.allSatisfy { $0.succeeded && $0.errors.values.allSatisfy { $0 == 0 } })
        }
        #expect(log.all.sorted() == ["local_addresses is absent", "netstat is absent", "sockstat is absent"])
    }

    @Test("The sampler reads procfs values without newlines and LISTEN rows in any order")
    func gVisor() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        func text(_ file: String) throws -> String { String(decoding: try scene.bytes(file), as: UTF8.self) }
        var whole = Sampler(of: scene, interval: 1)
        let expected = whole.tick(at: start)
        for name in Sysctl.allCases.map(\.rawValue) + ["ip_local_port_range"] where name != "tcp_tw_timeout" {
            let file = "sys/net/ipv4/\(name)"
            try scene.write(String(try text(file).dropLast()), to: file)
        }
        try scene.write("", to: "sys/net/ipv4/ip_local_reserved_ports")
        let names = try text("thread-self/net/netstat").split(separator: "\n").first { $0.hasPrefix("TcpExt:") }
        try scene.write(String(try #require(names)) + "\n", to: "thread-self/net/netstat")
        for file in ["sockstat", "sockstat6", "fib_trie"] { try scene.remove("thread-self/net/\(file)") }
        for file in ["tcp", "tcp6"] {
            let lines = try text("thread-self/net/\(file)").split(separator: "\n")
            let turned = [lines[0]] + lines.dropFirst().reversed()
            try scene.write(turned.joined(separator: "\n") + "\n", to: "thread-self/net/\(file)")
        }
        let log = Log()
        var sampler = Sampler(of: scene, interval: 1, log: log)
        for second in 0..<3 {
            let sample = sampler.tick(at: start + Double(second))
            #expect(sample.sysctls == expected.sysctls && sample.range?.ports == expected.range?.ports)
            #expect(sample.range?.reserved.isEmpty == true)
            #expect(sample.ports?.table == expected.ports?.table)
            #expect(sample.ports?.ports.map(\.listeners) == expected.ports?.ports.map(\.listeners))
            #expect(sample.ports?.ports.map(\.established) == expected.ports?.ports.map(\.established))
            #expect(sample.counters == nil && sample.statistics == nil)
            #expect(sample.collectors.values.allSatisfy { $0.succeeded })
        }
        #expect(log.all.sorted() == ["local_addresses is absent", "netstat is absent", "sockstat is absent"])
    }

    @Test("The sampler finds LISTEN rows anywhere in a large procfs table")
    func lateListeners() throws {
        let scene = try Scene(copyOf: "gvisor")
        defer { try? scene.remove() }
        var sampler = Sampler(of: scene, interval: 1)
        let small = sampler.tick(at: start)
        let captured = String(decoding: try scene.bytes("thread-self/net/tcp"), as: UTF8.self)
        let lines = captured.split(separator: "\n").map(String.init)
        let listen = lines.filter { $0.contains(" 0A 00000000:") }
        let client = try #require(lines.first { $0.contains(":8235 ") })
        let rows = (0..<2000).map { number in
            let port = String(20_000 + number, radix: 16, uppercase: true)
            return client.split(separator: ":8235 ").joined(separator: ":\(port) ")
        }
        #expect(Set(rows).count == 2000)
        try scene.write(([lines[0]] + rows + listen).joined(separator: "\n") + "\n", to: "thread-self/net/tcp")
        for second in 1...2 {
            let sample = sampler.tick(at: start + Double(second))
            #expect(sample.ports?.table[.ipv4, .established] == 2000)
            #expect(sample.ports?.table[.ipv4, .listen] == listen.count && listen.count == 2)
            let ports = try #require(sample.ports?.ports)
            #expect(ports.map(\.port) == small.ports?.ports.map(\.port) && ports.allSatisfy { $0.listeners == 1 })
            #expect(ports.allSatisfy { !$0.isRecurring })
        }
    }
}
