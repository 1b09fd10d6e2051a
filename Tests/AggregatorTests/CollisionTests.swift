import Model
import Testing

@testable import Aggregator

@Suite("The collision risk of listeners in the ephemeral range")
struct CollisionTests {
    @Test("The collision ratio is the used share of the port's parity half, and 0 if reserved")
    func ratio() {
        var memory = Memory(ports: 10)
        let report = memory.report(
            [
                .listen(.anyIPv4, 40_000), .listen(.anyIPv4, 40_001), .listen(.anyIPv4, 40_003), .listen(.anyIPv4, 80),
                .socket(.timeWait, (.own, 40_002), (.remote, 1)),
            ],
            range: EphemeralRange(40_000, 40_009, reserved: [40_003])
        )
        #expect(report.ephemeral?.connect == ParityUse(ports: 4, used: 1))
        #expect(report.ephemeral?.bind == ParityUse(ports: 3, used: 0))
        #expect(report.ports.map(\.collisionRatio) == [0, 0.25, 0, 0])
    }

    @Test("The report counts self-connected sockets")
    func selfConnected() {
        var memory = Memory(ports: 10)
        let report = memory.report([
            .socket(.established, (.loopback, 40_000), (.loopback, 40_000)),
            .socket(.established, (.loopback, 40_002), (.loopback6, 40_002)),
        ])
        #expect(report.selfConnected == 1)
    }

    @Test("The report counts the reserved ports outside the range and without a listener")
    func idle() {
        var memory = Memory(ports: 10)
        var udp = PortSet()
        udp.insert(40_001)
        let range = EphemeralRange(40_000, 40_009, reserved: [80, 40_000, 40_001, 40_002])
        let rows: [SocketRow] = [.listen(.anyIPv4, 40_000)]
        let idle = memory.report(rows, range: range, udp: udp).idleReserved
        #expect(idle?.outOfRange == 1 && idle?.noListener == 1)
        let unknown = memory.report(rows, range: range, at: .after(5)).idleReserved
        #expect(unknown?.outOfRange == 1 && unknown?.noListener == nil)
    }

    @Test("The largest peers of a port get lines and keep them beside larger later peers")
    func peers() {
        var settings = AccountingSettings()
        settings.peersLimit = 2
        var memory = Memory(settings)
        func peers(_ counts: [Int], at seconds: Double) -> [Int] {
            let rows = counts.enumerated().flatMap { index, count in
                (0..<count).map { number in
                    let state = number % 2 == 0 ? TCPState.established : .timeWait
                    return SocketRow.socket(
                        state,
                        (.own, 80),
                        (IPAddress(192, 0, 2, UInt8(index)), 5000 + Port(number))
                    )
                }
            }
            return memory.report([.listen(.anyIPv4, 80)] + rows, at: .after(seconds)).peers.map(\.sockets)
        }
        #expect(peers([3, 7, 5], at: 0) == [7, 5])
        #expect(peers([30, 7, 5], at: 5) == [7, 5])
        #expect(peers([30, 7, 0], at: 10) == [30, 7])
    }
}
