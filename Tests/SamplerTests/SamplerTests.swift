import KernelReaders
import Model
import Sampler
import Scenes
import Synchronization
import Testing

@testable import Aggregator

@Suite("The sampler")
struct SamplerTests {
    /// What the sampler logged, as short lines.
    private final class Log: Sendable {
        private let lines = Mutex<[String]>([])

        var all: [String] { lines.withLock { $0 } }

        func note(_ event: SamplerEvent) {
            let line =
                switch event {
                case .readsAddressFiles: "reads the address files"
                case .absent(let collector, _): "\(collector.rawValue) is absent"
                case .failed(let collector, let error): "\(collector.rawValue) failed: \(error.reason.rawValue)"
                case .recovered(let collector): "\(collector.rawValue) recovered"
                case .reads: nil as String?
                case .malformedRows(let count): "\(count) malformed rows"
                }
            if let line { lines.withLock { $0.append(line) } }
        }
    }

    private let start = Instant(nanoseconds: 1_000_000_000)

    private func sampler(
        of scene: Scene,
        interval: Double = 5,
        portsLimit: Int = 100,
        log: Log = Log()
    ) -> Sampler {
        var settings = SamplerSettings()
        settings.interval = interval
        settings.accounting.portsLimit = portsLimit
        return Sampler(ProcFilesystem(mount: scene.path), settings, from: start) { log.note($0) }
    }

    @Test("The sampler reads the known numbers of a captured host")
    func mixed() throws {
        var sampler = sampler(of: Scene("mixed"))
        let sample = sampler.tick(at: start)
        let report = try #require(sample.ports)
        let timeWait = try #require(report.timeWait)
        #expect(timeWait[.server, .local] == 30 + 11 + 13 && timeWait[.client, .local] == 20 + 7)
        #expect(report.listening == ListeningPorts(outside: 7, reserved: 1, exposed: 1))
        #expect(report.orphanFinWait2 == 2)
        #expect(report.dialedPorts == 4 && sample.dialedPortsPeak == 4)
        #expect(report.ephemeral?.states == [28_220, 5, 4, 27])
        let lines = Dictionary(uniqueKeysWithValues: report.ports.map { ($0.port, $0) })
        #expect(lines[8080]?.timeWait == PortTimeWait(serverLocal: 30, serverRemote: 0, clientLocal: 7))
        #expect(lines[9090]?.timeWait == PortTimeWait(serverLocal: 0, serverRemote: 0, clientLocal: 20))
        #expect(lines[7070]?.timeWait == PortTimeWait(serverLocal: 13, serverRemote: 0, clientLocal: 0))
        #expect(lines[6060]?.timeWait == PortTimeWait(serverLocal: 11, serverRemote: 0, clientLocal: 0))
        #expect(lines[5050]?.listeners == 2 && lines[4040]?.acceptQueue == 2 && lines[8080]?.established == 3)
        #expect(sample.statistics?.timeWaitBuckets == 83 && sample.countedEvent == .entries)
        #expect(sample.collectors.values.allSatisfy { $0.succeeded && $0.lastSuccess != nil })
    }

    @Test("The sampler classifies peers by the local addresses of the network namespace")
    func peers() throws {
        var remote = sampler(of: Scene("new_syn_recv"))
        let timeWait = try #require(remote.tick(at: start).ports?.timeWait)
        #expect(timeWait[.server, .remote] == 25 && timeWait[.client, .remote] == 6)
        var prefix = sampler(of: Scene("anycast_prefix"))
        #expect(prefix.tick(at: start).ports?.timeWait?[.client, .local] == 5)
    }

    @Test("The sampler reads the cheap files every second and the socket table every interval")
    func rhythms() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        var sampler = sampler(of: scene)
        #expect(sampler.tick(at: start).ports?.table[.ipv4, .timeWait] == 57 + 13)
        for file in ["tcp", "tcp6", "sockstat"] {
            try scene.take("thread-self/net/\(file)", from: Scene("empty"))
        }
        for second in 1...4 {
            #expect(sampler.next == start + Double(second))
            let sample = sampler.tick(at: sampler.next)
            #expect(sample.ports?.table[.ipv4, .timeWait] == 57 + 13)
            #expect(sample.statistics?.timeWaitBuckets == 0 && sample.bucketsPeak == 83)
        }
        #expect(sampler.tick(at: sampler.next).ports?.table[.ipv4, .timeWait] == 0)
        #expect(sampler.tick(at: start + 59.9).bucketsPeak == 83)
        #expect(sampler.tick(at: start + 61).bucketsPeak == 0)
    }

    @Test("The sampler makes a new report at once if the ephemeral range changes")
    func rangeChange() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        var sampler = sampler(of: scene)
        #expect(sampler.tick(at: start).ports?.listening?.exposed == 1)
        try scene.write("8080-8090,40000\n", to: "sys/net/ipv4/ip_local_reserved_ports")
        let sample = sampler.tick(at: start + 1)
        #expect(sample.ports?.listening == ListeningPorts(outside: 7, reserved: 1, exposed: 1))
        #expect(sample.ports?.ports.first { $0.port == 40_000 }?.isExposed == false)
        #expect(sample.ports?.ports.first { $0.port == 50_000 }?.isExposed == true)
        #expect(
            sample.sysctlChanges["ip_local_reserved_ports"] == 1 && sample.sysctlChanges["ip_local_port_range"] == 0
        )
    }

    @Test("The sampler extends the interval up to 30 seconds to keep its CPU share")
    func share() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        var settings = SamplerSettings()
        settings.cpuShare = 1e-9
        var sampler = Sampler(ProcFilesystem(mount: scene.path), settings, from: start) { _ in }
        let first = sampler.tick(at: start)
        #expect(first.interval == 30 && first.requestedInterval == 5)
        for file in ["tcp", "tcp6"] { try scene.take("thread-self/net/\(file)", from: Scene("empty")) }
        for second in 1...29 {
            #expect(sampler.tick(at: start + Double(second)).ports?.table[.ipv4, .timeWait] == 57 + 13)
        }
        #expect(sampler.tick(at: start + 30).ports?.table[.ipv4, .timeWait] == 0)
    }

    @Test("The sampler keeps the requested interval if a reading costs less than its CPU share")
    func cheapEnough() {
        var settings = SamplerSettings()
        settings.cpuShare = 1
        var sampler = Sampler(ProcFilesystem(mount: Scene("mixed").path), settings, from: start) { _ in }
        for second in 0..<10 { #expect(sampler.tick(at: start + Double(second)).interval == 5) }
    }

    @Test("The sampler skips missed readings")
    func missedTimes() {
        var sampler = sampler(of: Scene("empty"), interval: 1.5)
        _ = sampler.tick(at: start)
        #expect(sampler.next == start + 1)
        _ = sampler.tick(at: start + 1)
        #expect(sampler.next == start + 1.5)
        _ = sampler.tick(at: start + 10.2)
        #expect(sampler.next == start + 10.5)
    }

    @Test(
        "The sampler drops only the families of an unreadable file until it can be read again",
        arguments: [
            ("thread-self/net/tcp", Collector.socketTable), ("thread-self/net/tcp6", .socketTable),
            ("thread-self/net/fib_trie", .localAddresses), ("thread-self/net/if_inet6", .localAddresses),
            ("thread-self/net/sockstat", .sockstat), ("thread-self/net/netstat", .netstat),
        ]
    )
    func failure(file: String, collector: Collector) throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let log = Log()
        var sampler = sampler(of: scene, interval: 1, log: log)
        let content = String(decoding: try scene.bytes(file), as: UTF8.self)
        _ = sampler.tick(at: start)
        try scene.remove(file)
        for second in 1...3 {
            let sample = sampler.tick(at: start + Double(second))
            for (other, status) in sample.collectors {
                #expect(status.succeeded == (other != collector), "\(other)")
            }
            #expect(sample.collectors[collector]?.errors["not_found"] == UInt64(second))
            #expect((sample.ports == nil) == (collector == .socketTable))
            #expect((sample.statistics == nil) == (collector == .sockstat))
            #expect((sample.counters == nil) == (collector == .netstat))
            let needsBoth = [.socketTable, .localAddresses].contains(collector)
            #expect((sample.ports?.timeWait == nil) == needsBoth)
        }
        #expect(log.all == ["\(collector.rawValue) failed: not_found"])
        try scene.write(content, to: file)
        let sample = sampler.tick(at: start + 4)
        #expect(
            sample.ports?.timeWait != nil && sample.statistics != nil && sample.counters != nil
        )
        #expect(log.all == ["\(collector.rawValue) failed: not_found", "\(collector.rawValue) recovered"])
    }

    @Test("The sampler reports a file that never existed as absent and logs it once")
    func absence() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let log = Log()
        var sampler = sampler(of: scene, interval: 1, log: log)
        for file in ["sockstat", "sockstat6", "fib_trie", "if_inet6", "udp", "udp6"] {
            try scene.remove("thread-self/net/\(file)")
        }
        for second in 0..<3 {
            let sample = sampler.tick(at: start + Double(second))
            let absent: Set<Collector> = [.sockstat, .localAddresses, .udp]
            #expect(absent.isDisjoint(with: sample.collectors.keys))
            #expect(sample.collectors.values.allSatisfy { $0.succeeded && $0.errors.values.allSatisfy { $0 == 0 } })
            #expect(sample.ports != nil && sample.ports?.timeWait == nil && sample.counters != nil)
        }
        #expect(log.all.sorted() == ["local_addresses is absent", "sockstat is absent", "udp is absent"])
    }

    @Test("The sampler reads procfs values without newlines and LISTEN rows in any order")
    func gVisor() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        func text(_ file: String) throws -> String { String(decoding: try scene.bytes(file), as: UTF8.self) }
        var whole = sampler(of: scene, interval: 1)
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
        var sampler = sampler(of: scene, interval: 1, log: log)
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

    @Test(
        "The sampler leaves out an invalid sysctl and keeps the others",
        arguments: [
            ("tcp_max_tw_buckets", "-1\n", Sysctl.tcpMaxTWBuckets), ("tcp_tw_reuse", "77\n", .tcpTWReuse),
            ("tcp_fin_timeout", "soon\n", .tcpFinTimeout), ("tcp_rfc1337", "", .tcpRFC1337),
            ("ip_unprivileged_port_start", "99999\n", .ipUnprivilegedPortStart),
            ("tcp_timestamps", "1 1\n", .tcpTimestamps),
        ]
    )
    func strangeSysctl(file: String, text: String, sysctl: Sysctl) throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        var whole = sampler(of: scene, interval: 1)
        let all = try #require(whole.tick(at: start).sysctls)
        try scene.write(text, to: "sys/net/ipv4/\(file)")
        let log = Log()
        var sampler = sampler(of: scene, interval: 1, log: log)
        for second in 0..<3 {
            let sample = sampler.tick(at: start + Double(second))
            #expect(sample.sysctls?.known == all.known.filter { $0.key != sysctl })
            #expect(sample.sysctls?.unreadable == [sysctl])
            #expect((sample.ports?.destinations == nil) == [.tcpTWReuse, .tcpTimestamps].contains(sysctl))
            #expect(sample.collectors[.sysctl]?.errors["malformed"] == UInt64(second + 1))
        }
        try scene.write("1\n", to: "sys/net/ipv4/\(file)")
        #expect(sampler.tick(at: start + 3).sysctls?[sysctl] == 1)
        #expect(log.all == ["sysctl failed: malformed", "sysctl recovered"])
    }

    @Test(
        "The sampler has no destination report if a sysctl that affects reuse is unreadable",
        arguments: ["tcp_tw_reuse_delay", "tcp_tw_timeout"]
    )
    func unreadableTiming(file: String) throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        try scene.write("0\n", to: "sys/net/ipv4/\(file)")
        var sampler = sampler(of: scene)
        let sample = sampler.tick(at: start)
        #expect(sample.ports != nil && sample.ports?.destinations == nil)
        try scene.remove("sys/net/ipv4/\(file)")
        #expect(sampler.tick(at: start + 5).ports?.destinations != nil)
    }

    @Test("The sampler logs each failing part of a collector once and logs the recovery")
    func failingParts() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let log = Log()
        var sampler = sampler(of: scene, log: log)
        func write(_ text: String, _ names: [String]) throws {
            for name in names { try scene.write(text, to: "sys/net/ipv4/\(name)") }
        }
        try write("x\n", ["tcp_fin_timeout"])
        for second in 0..<2 { _ = sampler.tick(at: start + Double(second)) }
        try write("x\n", ["tcp_rfc1337", "ip_autobind_reuse"])
        for second in 2..<4 { _ = sampler.tick(at: start + Double(second)) }
        #expect(log.all == Array(repeating: "sysctl failed: malformed", count: 3))
        try write("1\n", ["tcp_fin_timeout"])
        _ = sampler.tick(at: start + 4)
        #expect(log.all.count == 3)
        try write("1\n", ["tcp_rfc1337", "ip_autobind_reuse"])
        _ = sampler.tick(at: start + 5)
        #expect(log.all.last == "sysctl recovered" && log.all.count == 4)
    }

    @Test("The sampler reads ip_local_port_range and ip_local_reserved_ports independently")
    func rangeAlone() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let log = Log()
        var sampler = sampler(of: scene, interval: 1, log: log)
        let whole = sampler.tick(at: start)
        try scene.write("1,2,", to: "sys/net/ipv4/ip_local_reserved_ports")
        for second in 1...2 {
            let sample = sampler.tick(at: start + Double(second))
            #expect(sample.portSysctls.ports == whole.range?.ports && sample.portSysctls.reserved == nil)
            // Whose a TIME_WAIT is depends on the range alone.
            #expect(sample.ports?.timeWait == whole.ports?.timeWait && whole.ports?.timeWait != nil)
            #expect(sample.ports?.ephemeral == nil && sample.ports?.listening == nil)
            #expect(sample.ports?.destinations == nil && sample.ports?.idleReserved == nil)
            #expect(sample.collectors[.ephemeralRange]?.errors["malformed"] == UInt64(second))
        }
        try scene.write("8080,35000-35009,50000\n", to: "sys/net/ipv4/ip_local_reserved_ports")
        let again = sampler.tick(at: start + 3)
        #expect(again.range == whole.range && again.ports?.listening == whole.ports?.listening)
        try scene.remove("sys/net/ipv4/ip_local_port_range")
        let other = sampler.tick(at: start + 4)
        #expect(other.portSysctls.reserved?.count == 12 && other.range == nil)
        #expect(other.ports != nil && other.ports?.timeWait == nil)
        let lines = ["ephemeral_range failed: malformed", "ephemeral_range recovered"]
        #expect(log.all == lines + ["ephemeral_range failed: not_found"])
        #expect(other.sysctlChanges["ip_local_reserved_ports"] == 0 && other.sysctlChanges["ip_local_port_range"] == 0)
    }

    @Test("The sampler finds LISTEN rows anywhere in a large procfs table")
    func lateListeners() throws {
        let scene = try Scene(copyOf: "gvisor")
        defer { try? scene.remove() }
        var sampler = sampler(of: scene, interval: 1)
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

    @Test("The sampler reads the procfs of gVisor without failures")
    func gVisorFixture() throws {
        let log = Log()
        var sampler = sampler(of: Scene("gvisor"), interval: 1, log: log)
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

    @Test("The sampler keeps the other numbers of a file that lacks one")
    func missingNumbers() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        try scene.write("TcpExt: TW TWKilled\nTcpExt: 5 1\n", to: "thread-self/net/netstat")
        try scene.remove("thread-self/net/sockstat6")
        var sampler = sampler(of: scene, interval: 1)
        let sample = sampler.tick(at: start)
        #expect(sample.counters?.counted == 6 && sample.counters?.overflow == nil)
        #expect(sample.statistics?.timeWaitBuckets == 83 && sample.statistics?.inUse == nil)
    }

    @Test("The sampler logs a failure again if its reason changes")
    func changedFailure() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let log = Log()
        var sampler = sampler(of: scene, log: log)
        _ = sampler.tick(at: start)
        try scene.remove("thread-self/net/sockstat")
        _ = sampler.tick(at: start + 1)
        try scene.write("nonsense\n", to: "thread-self/net/sockstat")
        let sample = sampler.tick(at: start + 2)
        #expect(log.all == ["sockstat failed: not_found", "sockstat failed: malformed"])
        let errors = sample.collectors[.sockstat]?.errors
        #expect(errors == ["not_found": 1, "permission_denied": 0, "read_failed": 0, "malformed": 1])
    }

    @Test("The sampler counts malformed rows, keeps the others and logs them once")
    func malformedRows() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let log = Log()
        var sampler = sampler(of: scene, interval: 1, log: log)
        for file in ["tcp", "tcp6"] { try scene.take("thread-self/net/\(file)", from: Scene("cut_last_row")) }
        for second in 0..<2 {
            let sample = sampler.tick(at: start + Double(second))
            #expect(sample.ports?.table[.ipv4, .timeWait] == 56 + 12)
            #expect(sample.collectors[.socketTable]?.succeeded == true)
            #expect(sample.collectors[.socketTable]?.errors["malformed_row"] == UInt64(2 * (second + 1)))
        }
        for file in ["tcp", "tcp6"] { try scene.take("thread-self/net/\(file)", from: Scene("mixed")) }
        _ = sampler.tick(at: start + 2)
        for file in ["tcp", "tcp6"] { try scene.take("thread-self/net/\(file)", from: Scene("cut_last_row")) }
        _ = sampler.tick(at: start + 3)
        #expect(log.all == ["2 malformed rows", "2 malformed rows"])
    }
}

extension EphemeralUse {
    /// Usable ports, and of them those used by state: established, other, TIME_WAIT.
    fileprivate var states: [Int] { [usable, established, other, timeWait] }
}
