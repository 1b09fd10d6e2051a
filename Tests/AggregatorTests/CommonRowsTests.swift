import Model
import Testing

@testable import Aggregator

@Suite("The accounting of common rows")
struct CommonRowsTests {
    /// A table of a random mix of rows: clients, services, foreign addresses, repeated cookies.
    private static func rows(_ generator: inout Generator, from first: UInt64, cookies: Bool) -> [SocketRow] {
        let locals: [IPAddress] = [.own, .own, .own, .loopback, .loopback6, .remote]
        let remotes: [IPAddress] = [.remote, IPAddress(192, 0, 2, 8), .own, .loopback6]
        return (0..<3000).map { number in
            func pick(_ count: Int) -> Int { Int(generator.unit() * Double(count)) % count }
            let isServer = pick(3) == 0
            let ephemeral = Port(32_768 + pick(3000))
            let service: Port = [80, 8080, 9090, 40_000, 40_001][pick(5)]
            let state: TCPState = [.timeWait, .timeWait, .timeWait, .established, .closeWait, .finWait2][pick(6)]
            return .socket(
                state,
                (locals[pick(locals.count)], isServer ? service : ephemeral),
                (remotes[pick(remotes.count)], isServer ? ephemeral : service),
                remaining: generator.unit() * 60,
                device: pick(50) == 0 ? 7 : 0,
                // Over procfs no row has a cookie; over sock_diag each has one.
                cookie: !cookies ? 0 : pick(40) == 0 ? first : first + UInt64(number)
            )
        }
    }

    @Test(
        "The fast path of common rows gives the same report as the general path",
        arguments: 1...12,
        [true, false]
    )
    func agreement(seed: UInt64, hasCookies: Bool) {
        var generator = Generator(state: seed)
        var settings = AccountingSettings()
        settings.servicePorts = PortSet([9090])
        var common = Memory(settings)
        // With peers counted each row is taken by itself.
        settings.peersLimit = 1
        var single = Memory(settings)
        let listening = [
            SocketRow.listen(.anyIPv4, 80), .listen(.anyIPv6, 8080), .listen(.own, 40_000),
        ]
        let sysctls: SysctlValues = [
            .tcpTWReuse: Int(seed % 3), .tcpTimestamps: 1, .tcpTWReuseDelay: seed % 2 == 0 ? 1000 : 30_000,
        ]
        for reading in 0..<6 {
            let rows = listening + Self.rows(&generator, from: 1 + UInt64(reading / 2 * 1000), cookies: hasCookies)
            let expected = single.report(rows, sysctls: sysctls, at: .after(Double(5 * reading)))
            var report = common.report(rows, sysctls: sysctls, at: .after(Double(5 * reading)))
            #expect(report.peers.isEmpty && !expected.peers.isEmpty)
            report.peers = expected.peers
            #expect(report == expected, "reading \(reading)")
        }
    }
}
