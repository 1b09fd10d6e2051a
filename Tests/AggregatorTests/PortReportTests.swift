import Model
import Testing

@testable import Aggregator

@Suite("The port report")
struct PortReportTests {
    @Test("The report counts rows by family and state and counts NEW_SYN_RECV as SYN_RECV")
    func table() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report([
            .listen(.anyIPv4, 80), .listen(.anyIPv6, 443), .socket(.established, (.own, 80), (.remote, 5)),
            .socket(.newSynRecv, (.own, 80), (.remote, 6)), .socket(.synRecv, (.own, 80), (.remote, 7)),
            .socket(.timeWait, (.loopback6, 443), (.loopback6, 8)),
            .socket(.finWait2, (.own, 80), (.remote, 9), isMiniSocket: true),
            .socket(.finWait2, (.own, 80), (.remote, 10), isMiniSocket: false),
        ])
        var expected = TableCounts()
        expected[.ipv4, .listen] = 1
        expected[.ipv6, .listen] = 1
        expected[.ipv4, .established] = 1
        expected[.ipv4, .synRecv] = 2
        expected[.ipv6, .timeWait] = 1
        expected[.ipv4, .finWait2] = 2
        #expect(report.table == expected)
        #expect(report.orphanFinWait2 == 1)
    }

    @Test("The report gives the listeners, accept queue and accepted connections of each port")
    func lines() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report([
            .listen(.loopback, 80, queue: 2), .listen(.own, 80, queue: 3), .listen(.anyIPv4, 81),
            .socket(.established, (.loopback, 80), (.loopback, 40_000)),
            .socket(.established, (.loopback, 40_000), (.loopback, 80)),
            .socket(.established, (IPAddress(10, 9, 9, 2), 80), (.remote, 5)),
        ])
        #expect(report.ports.map(\.port) == [80, 81])
        #expect(report.ports.map(\.listeners) == [2, 1])
        #expect(report.ports.map(\.acceptQueue) == [5, 0])
        #expect(report.ports.map(\.established) == [1, 0])
        #expect(report.ports.allSatisfy { $0.acceptQueueLimit == nil }, "procfs has another number there")
    }

    @Test("The report gives the sock_diag backlog and the CLOSE_WAITs of each port")
    func queues() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report([
            .listen(.loopback, 80, limit: 128, cookie: 1), .listen(.own, 80, limit: 4096, cookie: 2),
            .socket(.closeWait, (.own, 80), (.remote, 5)), .socket(.closeWait, (.loopback, 80), (.loopback, 6)),
            .socket(.closeWait, (.own, 40_000), (.remote, 80)),
        ])
        #expect(report.ports.map(\.acceptQueueLimit) == [4224])
        #expect(report.ports.map(\.closeWait) == [2])
        let gone = memory.report([.listen(.anyIPv4, 81, limit: 5, cookie: 3)], at: .after(5))
        #expect(gone.ports.map(\.acceptQueueLimit) == [0, 5], "a listener that has gone lets nobody wait")
    }

    @Test("The report counts each LISTEN port once as outside the range, reserved or exposed")
    func exposure() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report(
            [
                .listen(.anyIPv4, 80), .listen(.anyIPv6, 80), .listen(.anyIPv4, 40_000), .listen(.loopback, 40_001),
                .listen(.anyIPv4, 32_768), .listen(.anyIPv4, 60_999), .listen(.anyIPv4, 61_000),
                .listen(.anyIPv4, 8080),
            ],
            range: EphemeralRange(32_768, 60_999, reserved: [40_001, 8080])
        )
        #expect(report.listening == ListeningPorts(outside: 3, reserved: 1, exposed: 3))
        #expect(report.ports.filter { $0.isExposed == true }.map(\.port) == [32_768, 40_000, 60_999])
    }

    @Test("The report counts the listening ports that local clients connected to")
    func dialed() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report([
            .listen(.anyIPv4, 80), .listen(.anyIPv4, 81), .listen(.anyIPv4, 82),
            .socket(.timeWait, (.loopback, 40_000), (.loopback, 80)),
            .socket(.timeWait, (.loopback, 40_002), (.loopback, 80)),
            .socket(.timeWait, (.own, 81), (.own, 40_004)), .socket(.timeWait, (.own, 82), (.remote, 40_006)),
        ])
        #expect(report.dialedPorts == 2)
    }
}

@Suite("The memory of a closed listener")
struct VanishedListenerTests {
    private let before: [SocketRow] = [.listen(.anyIPv4, 80), .listen(.anyIPv4, 81)]
    private let after: [SocketRow] = [
        .listen(.anyIPv4, 81), .socket(.timeWait, (.loopback, 80), (.loopback, 40_000)),
    ]

    @Test("A closed listener keeps its TIME_WAITs and its line for 65 seconds")
    func remembered() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        #expect(memory.report(before, at: .after(0)).ports.map(\.port) == [80, 81])
        for seconds in [5.0, 30, 69.9] {
            let report = memory.report(after, at: .after(seconds))
            #expect(report.ports.map(\.port) == [80, 81])
            #expect(report.ports.first?.listeners == 0)
            #expect(report.ports.first?.timeWait?.serverLocal == 1)
            #expect(report.listening?.outside == 1, "it does not listen any more")
        }
        let report = memory.report(after, at: .after(70))
        #expect(report.ports.map(\.port) == [81])
        #expect(report.timeWait?[.other, .local] == 1)
    }

    @Test("A listener that opens again gets the full 65 seconds at its next close")
    func returned() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        _ = memory.report(before, at: .after(0))
        _ = memory.report(after, at: .after(5))
        #expect(memory.report(before, at: .after(10)).ports.first?.listeners == 1)
        _ = memory.report(after, at: .after(15))
        #expect(memory.report(after, at: .after(79.9)).ports.count == 2)
        #expect(memory.report(after, at: .after(80)).ports.count == 1)
    }
}

@Suite("The use of the ephemeral range")
struct EphemeralUseTests {
    private let range = EphemeralRange(40_000, 40_009, reserved: [40_001, 50_000])

    @Test("The use counts distinct ports, each under its strongest state")
    func strongest() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report(
            [
                .socket(.timeWait, (.own, 40_000), (.remote, 1)), .socket(.established, (.own, 40_000), (.remote, 2)),
                .socket(.synSent, (.own, 40_000), (.remote, 3)), .socket(.timeWait, (.own, 40_002), (.remote, 1)),
                .socket(.timeWait, (.loopback6, 40_002), (.loopback6, 1)),
                .socket(.closeWait, (.own, 40_004), (.remote, 1)), .socket(.timeWait, (.own, 40_004), (.remote, 2)),
                .socket(.finWait2, (.own, 40_006), (.remote, 1), isMiniSocket: true),
            ],
            range: range
        )
        #expect(report.ephemeral?.states == [9, 1, 2, 1])
    }

    @Test("The use leaves out reserved ports, listening ports and ports outside the range")
    func usable() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report(
            [
                .listen(.loopback, 40_005), .socket(.established, (.loopback, 40_005), (.loopback, 1)),
                .socket(.timeWait, (.own, 40_001), (.remote, 1)), .socket(.timeWait, (.own, 39_999), (.remote, 1)),
                .socket(.timeWait, (.own, 40_010), (.remote, 1)), .socket(.newSynRecv, (.own, 40_007), (.remote, 1)),
            ],
            range: range
        )
        #expect(report.ephemeral?.states == [8, 0, 0, 0])
    }

    @Test("The use leaves out the port of a closed listener while an accepted socket remains")
    func acceptedSocketsRemain() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let accepted = SocketRow.socket(.established, (.own, 40_005), (.remote, 1))
        #expect(memory.report([.listen(.anyIPv4, 40_005), accepted], range: range).ephemeral?.usable == 8)
        for seconds in [5.0, 60, 3600] {
            let use = memory.report([accepted], range: range, at: .after(seconds)).ephemeral
            #expect(use?.states == [8, 0, 0, 0])
        }
        #expect(memory.report([], range: range, at: .after(3605)).ephemeral?.usable == 9)
        let outgoing = memory.report([accepted], range: range, at: .after(3610)).ephemeral
        #expect(outgoing?.states == [9, 1, 0, 0])
    }

    @Test("The use is right for a range of one port")
    func onePort() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let rows: [SocketRow] = [.socket(.timeWait, (.loopback, 40_000), (.loopback, 8080))]
        let use = memory.report(rows, range: EphemeralRange(40_000, 40_000)).ephemeral
        #expect(use?.states == [1, 0, 0, 1])
        let reserved = memory.report(rows, range: EphemeralRange(40_000, 40_000, reserved: [40_000])).ephemeral
        #expect(reserved?.states == [0, 0, 0, 0])
    }
}
