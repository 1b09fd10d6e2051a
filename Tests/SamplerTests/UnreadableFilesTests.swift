import Model
import Sampler
import Scenes
import Testing

@Suite("The sampler with files that it cannot read")
final class UnreadableFilesTests {
    private let scene: Scene
    private let log = Log()

    init() throws { scene = try Scene(copyOf: "mixed") }

    deinit { try? scene.remove() }

    @Test(
        "The sampler drops only the families of an unreadable file until it can be read again",
        arguments: [
            ("thread-self/net/tcp", Collector.socketTable), ("thread-self/net/tcp6", .socketTable),
            ("thread-self/net/fib_trie", .localAddresses), ("thread-self/net/if_inet6", .localAddresses),
            ("thread-self/net/sockstat", .sockstat), ("thread-self/net/netstat", .netstat),
        ]
    )
    func failure(file: String, collector: Collector) throws {
        var sampler = Sampler(of: scene, interval: 1, log: log)
        let content = String(decoding: try scene.bytes(file), as: UTF8.self)
        _ = sampler.tick(at: start)
        try scene.remove(file)
        // Local addresses are read so seldom that it takes a hundredth of the time.
        for minute in 1...3 {
            let sample = sampler.tick(at: start + 60 * Double(minute))
            for (other, status) in sample.collectors {
                #expect(status.succeeded == (other != collector), "\(other)")
            }
            #expect(sample.collectors[collector]?.errors["not_found"] == UInt64(minute))
            #expect((sample.ports == nil) == (collector == .socketTable))
            #expect((sample.statistics == nil) == (collector == .sockstat))
            #expect((sample.counters == nil) == (collector == .netstat))
            let needsBoth = [.socketTable, .localAddresses].contains(collector)
            #expect((sample.ports?.timeWait == nil) == needsBoth)
        }
        #expect(log.all == ["\(collector.rawValue) failed: not_found"])
        try scene.write(content, to: file)
        let sample = sampler.tick(at: start + 240)
        #expect(
            sample.ports?.timeWait != nil && sample.statistics != nil && sample.counters != nil
        )
        #expect(log.all == ["\(collector.rawValue) failed: not_found", "\(collector.rawValue) recovered"])
    }

    @Test("The sampler reports a file that never existed as absent and logs it once")
    func absence() throws {
        var sampler = Sampler(of: scene, interval: 1, log: log)
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
        var whole = Sampler(of: scene, interval: 1)
        let all = try #require(whole.tick(at: start).sysctls)
        try scene.write(text, to: "sys/net/ipv4/\(file)")
        var sampler = Sampler(of: scene, interval: 1, log: log)
        for second in 0..<3 {
            let sample = sampler.tick(at: start + Double(second))
            #expect(sample.sysctls?.known == all.known.filter { $0.key != sysctl })
            #expect(sample.sysctls?.unreadable == [sysctl])
            #expect((sample.ports?.destinations == nil) == [.tcpTWReuse, .tcpTimestamps].contains(sysctl))
            #expect(sample.collectors[.sysctl]?.errors["malformed"] == UInt64(second + 1))
        }
        try scene.write("1\n", to: "sys/net/ipv4/\(file)")
        #expect(sampler.tick(at: start + 3).sysctls?[sysctl] == 1)
        #expect(log.all == ["sysctl failed in part: malformed", "sysctl recovered"])
    }

    @Test(
        "The sampler has no destination report if a sysctl that affects reuse is unreadable",
        arguments: ["tcp_tw_reuse_delay", "tcp_tw_timeout"]
    )
    func unreadableTiming(file: String) throws {
        try scene.write("0\n", to: "sys/net/ipv4/\(file)")
        var sampler = Sampler(of: scene)
        let sample = sampler.tick(at: start)
        #expect(sample.ports != nil && sample.ports?.destinations == nil)
        try scene.remove("sys/net/ipv4/\(file)")
        #expect(sampler.tick(at: start + 5).ports?.destinations != nil)
    }

    @Test("The sampler reads ip_local_port_range and ip_local_reserved_ports independently")
    func rangeAlone() throws {
        var sampler = Sampler(of: scene, interval: 1, log: log)
        let whole = sampler.tick(at: start)
        try scene.write("1,2,", to: "sys/net/ipv4/ip_local_reserved_ports")
        for second in 1...2 {
            let sample = sampler.tick(at: start + Double(second))
            #expect(sample.portSysctls.ports == whole.range?.ports && sample.portSysctls.reserved == nil)
            // Who owns a TIME_WAIT depends on the range alone.
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
        let lines = ["ephemeral_range failed in part: malformed", "ephemeral_range recovered"]
        #expect(log.all == lines + ["ephemeral_range failed in part: not_found"])
        #expect(other.sysctlChanges["ip_local_reserved_ports"] == 0 && other.sysctlChanges["ip_local_port_range"] == 0)
    }

    @Test("The sampler logs each failing part of a collector once and logs the recovery")
    func failingParts() throws {
        var sampler = Sampler(of: scene, log: log)
        func write(_ text: String, _ names: [String]) throws {
            for name in names { try scene.write(text, to: "sys/net/ipv4/\(name)") }
        }
        try write("x\n", ["tcp_fin_timeout"])
        for second in 0..<2 { _ = sampler.tick(at: start + Double(second)) }
        try write("x\n", ["tcp_rfc1337", "ip_autobind_reuse"])
        for second in 2..<4 { _ = sampler.tick(at: start + Double(second)) }
        #expect(log.all == Array(repeating: "sysctl failed in part: malformed", count: 3))
        try write("1\n", ["tcp_fin_timeout"])
        _ = sampler.tick(at: start + 4)
        #expect(log.all.count == 3)
        try write("1\n", ["tcp_rfc1337", "ip_autobind_reuse"])
        _ = sampler.tick(at: start + 5)
        #expect(log.all.last == "sysctl recovered" && log.all.count == 4)
    }

    @Test("The sampler logs a failure again if its reason changes")
    func changedFailure() throws {
        var sampler = Sampler(of: scene, log: log)
        _ = sampler.tick(at: start)
        try scene.remove("thread-self/net/sockstat")
        _ = sampler.tick(at: start + 1)
        try scene.write("nonsense\n", to: "thread-self/net/sockstat")
        let sample = sampler.tick(at: start + 2)
        #expect(log.all == ["sockstat failed: not_found", "sockstat failed: malformed"])
        let errors = sample.collectors[.sockstat]?.errors
        #expect(errors == ["not_found": 1, "permission_denied": 0, "read_failed": 0, "malformed": 1, "timed_out": 0])
    }

    @Test("The sampler keeps the other numbers of a file that lacks one")
    func missingNumbers() throws {
        try scene.write("TcpExt: TW TWKilled\nTcpExt: 5 1\n", to: "thread-self/net/netstat")
        try scene.remove("thread-self/net/sockstat6")
        var sampler = Sampler(of: scene, interval: 1)
        let sample = sampler.tick(at: start)
        #expect(sample.counters?.counted == 6 && sample.counters?.overflow == nil)
        #expect(sample.statistics?.timeWaitBuckets == 83 && sample.statistics?.inUse == nil)
    }

    @Test("The sampler counts malformed rows, keeps the others and logs them once")
    func malformedRows() throws {
        var sampler = Sampler(of: scene, interval: 1, log: log)
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
