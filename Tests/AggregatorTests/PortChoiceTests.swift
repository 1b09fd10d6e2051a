import Model
import Testing

@testable import Aggregator

@Suite("The choice of ports that get a line")
struct PortChoiceTests {
    private func timeWaits(_ count: Int, on port: Port) -> [SocketRow] {
        (0..<count).map { .socket(.timeWait, (.loopback, port), (.loopback, 33_000 + Port($0))) }
    }

    @Test("The choice prefers exposed ports, then the most TIME_WAITs, then the lowest port")
    func order() {
        let rows: [SocketRow] =
            (80..<90).map { .listen(.anyIPv4, $0) } + [.listen(.anyIPv4, 50_000)] + timeWaits(3, on: 87)
        for (limit, expected) in [(1, [50_000]), (2, [87, 50_000]), (4, [80, 81, 87, 50_000])] as [(Int, [Port])] {
            var memory = Memory(ports: limit, remembered: 10, sockets: 1000)
            let report = memory.report(rows)
            #expect(report.ports.map(\.port) == expected)
            #expect(report.omittedPorts == 11 - limit)
        }
    }

    @Test("The choice keeps a port while it has a listener")
    func sticky() {
        let listeners: [SocketRow] = (80..<90).map { .listen(.anyIPv4, $0) }
        var memory = Memory(ports: 3, remembered: 10, sockets: 1000)
        #expect(memory.report(listeners).ports.map(\.port) == [80, 81, 82])
        #expect(memory.report(listeners + timeWaits(500, on: 89), at: .after(5)).ports.map(\.port) == [80, 81, 82])
        let without80 = listeners.filter { $0.localPort != 80 }
        let gone = memory.report(without80 + timeWaits(500, on: 89), at: .after(10))
        #expect(gone.ports.map(\.port) == [80, 81, 82])
        #expect(gone.omittedPorts == 7)
        let later = memory.report(without80 + timeWaits(500, on: 89), at: .after(75))
        #expect(later.ports.map(\.port) == [81, 82, 89])
        #expect(later.omittedPorts == 6)
    }

    @Test("The choice follows the include and exclude lists and counts the omitted ports")
    func lists() throws {
        var settings = AccountingSettings()
        settings.portsIncluded = PortSet(try #require(PortRange(low: 80, high: 50_000)))
        settings.portsExcluded.insert(82)
        var memory = Memory(settings)
        let listeners: [SocketRow] = [79, 80, 81, 82, 50_000, 50_001].map { .listen(.anyIPv4, $0) }
        let report = memory.report(listeners)
        #expect(report.ports.map(\.port) == [80, 81, 50_000] && report.omittedPorts == 3)
        #expect(report.listening?.exposed == 2, "the whole host is counted all the same")
        // Nor is one of them learnt, however often it comes back.
        let squatter = SocketRow.socket(.established, (.own, 82), (.remote, 80))
        for seconds in [5.0, 10, 15] {
            let rows = seconds == 10 ? listeners : [squatter]
            #expect(memory.report(rows, at: .after(seconds)).services.isEmpty)
        }
    }

    @Test("The choice prefers ports of --services.ports among ports of equal exposure")
    func configured() {
        var settings = AccountingSettings()
        settings.portsLimit = 2
        settings.servicePorts.insert(89)
        var memory = Memory(settings)
        let listeners: [SocketRow] = (80..<90).map { .listen(.anyIPv4, $0) }
        #expect(memory.report(listeners + timeWaits(3, on: 85)).ports.map(\.port) == [85, 89])
    }

    @Test("The choice is empty if the limit is 0, and the report counts all ports as omitted")
    func none() {
        var memory = Memory(ports: 0, remembered: 10, sockets: 1000)
        let report = memory.report([.listen(.anyIPv4, 80), .listen(.anyIPv4, 81)])
        #expect(report.ports.isEmpty)
        #expect(report.omittedPorts == 2)
        #expect(report.listening?.outside == 2)
    }

    @Test("The choice works with a listener on every port")
    func everyPort() {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report((1...65_535).map { .listen(.anyIPv4, Port($0)) })
        #expect(report.ports.map(\.port) == (32_768..<32_868).map { Port($0) })
        #expect(report.omittedPorts == 65_435)
        #expect(report.ephemeral?.usable == 0)
    }
}
