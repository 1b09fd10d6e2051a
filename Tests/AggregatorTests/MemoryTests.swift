import Aggregator
import Model
import Testing

@Suite("The memory between readings")
struct MemoryTests {
    @Test("The recent peak keeps the highest value for 60 seconds")
    func peak() {
        var peak = RecentPeak(seconds: 60)
        #expect(peak.note(5, at: .after(0)) == 5)
        #expect(peak.note(9, at: .after(1)) == 9)
        #expect(peak.note(3, at: .after(30)) == 9)
        #expect(peak.note(2, at: .after(60.9)) == 9)
        #expect(peak.note(1, at: .after(61)) == 3)
        #expect(peak.note(0, at: .after(1000)) == 0)
    }

    @Test("Sysctl change counters start at 0 and count each change of a value")
    func changes() {
        var changes = SysctlChanges()
        let range = EphemeralRange(32_768, 60_999)
        changes.note([.tcpTWReuse: 2, .tcpTimestamps: 1], range.sysctls, at: .after(0))
        #expect(
            changes.counts == [
                "tcp_tw_reuse": 0, "tcp_timestamps": 0, "ip_local_port_range": 0, "ip_local_reserved_ports": 0,
            ]
        )
        changes.note([.tcpTWReuse: 1, .tcpTimestamps: 1], EphemeralRange(1024, 60_999).sysctls, at: .after(0))
        changes.note(
            [.tcpTWReuse: 0, .tcpTimestamps: 1],
            EphemeralRange(1024, 60_999, reserved: [8080]).sysctls,
            at: .after(0)
        )
        #expect(changes.counts["tcp_tw_reuse"] == 2 && changes.counts["tcp_timestamps"] == 0)
        #expect(changes.counts["ip_local_port_range"] == 1 && changes.counts["ip_local_reserved_ports"] == 1)
    }

    @Test("Sysctl change counters ignore a reading in which the sysctl is unreadable")
    func unreadable() {
        var changes = SysctlChanges()
        changes.note([.tcpTWReuse: 2], EphemeralRange(1024, 2048).sysctls, at: .after(0))
        changes.note(nil, PortSysctls(), at: .after(0))
        changes.note([.tcpTWReuse: 2], EphemeralRange(1024, 2048).sysctls, at: .after(0))
        #expect(changes.counts.values.allSatisfy { $0 == 0 })
    }
}

extension EphemeralRange {
    /// Both as they are read.
    fileprivate var sysctls: PortSysctls { PortSysctls(ports: ports, reserved: reserved) }
}
