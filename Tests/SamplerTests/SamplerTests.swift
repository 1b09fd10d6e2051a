import Model
import Sampler
import Scenes
import Testing

@Suite("The sampler")
struct SamplerTests {
    @Test("The sampler reads the known numbers of a captured host")
    func mixed() throws {
        var sampler = Sampler(of: Scene("mixed"))
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
        var remote = Sampler(of: Scene("new_syn_recv"))
        let timeWait = try #require(remote.tick(at: start).ports?.timeWait)
        #expect(timeWait[.server, .remote] == 25 && timeWait[.client, .remote] == 6)
        var prefix = Sampler(of: Scene("anycast_prefix"))
        #expect(prefix.tick(at: start).ports?.timeWait?[.client, .local] == 5)
    }

    @Test("The sampler reads the cheap files every second and the socket table every interval")
    func rhythms() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        var sampler = Sampler(of: scene)
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
        var sampler = Sampler(of: scene)
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

    @Test("The sampler skips missed readings")
    func missedTimes() {
        var sampler = Sampler(of: Scene("empty"), interval: 1.5)
        _ = sampler.tick(at: start)
        #expect(sampler.next == start + 1)
        _ = sampler.tick(at: start + 1)
        #expect(sampler.next == start + 1.5)
        _ = sampler.tick(at: start + 10.2)
        #expect(sampler.next == start + 10.5)
    }
}

extension EphemeralUse {
    /// Usable ports, and of them those used by state: established, other, TIME_WAIT.
    fileprivate var states: [Int] { [usable, established, other, timeWait] }
}
