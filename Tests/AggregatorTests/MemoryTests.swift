import Aggregator
import Model
import Testing

@Suite("What is remembered between readings")
struct MemoryTests {
    @Test("the highest value of the last minute, and no longer")
    func peak() {
        var peak = RecentPeak(seconds: 60)
        #expect(peak.note(5, at: .after(0)) == 5)
        #expect(peak.note(9, at: .after(1)) == 9)
        #expect(peak.note(3, at: .after(30)) == 9)
        #expect(peak.note(2, at: .after(60.9)) == 9)
        #expect(peak.note(1, at: .after(61)) == 3)
        #expect(peak.note(0, at: .after(1000)) == 0)
    }

    @Test("how often each sysctl was seen to change, from 0 at its first value")
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

    @Test("that a sysctl which could not be read for a while has not changed for that")
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
