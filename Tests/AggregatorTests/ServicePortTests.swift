import Ports
import Testing

@testable import Aggregator

@Suite("A service port")
struct ServicePortTests {
    private let range = EphemeralRange(40_000, 40_009)
    private var settings: AccountingSettings {
        var settings = AccountingSettings()
        settings.servicePorts.insert(40_004)
        return settings
    }
    private let listener = SocketRow.listen(.anyIPv4, 40_004)
    private let accepted = SocketRow.socket(.established, (.own, 40_004), (.remote, 50_000))
    private let outgoing = SocketRow.socket(.established, (.loopback, 40_004), (.loopback, 8080))
    private let other = SocketRow.listen(.anyIPv4, 8080)

    private func line(_ report: PortReport) -> ServiceLine? { report.services.first }

    @Test("that is asked for is always there, and free when nothing holds it")
    func asked() {
        var accounting = PortAccounting(settings)
        #expect(
            line(accounting.report([], range: range)) == ServiceLine(port: 40_004, isListening: false, holders: .init())
        )
        let report = accounting.report([listener, accepted], range: range, at: .after(5))
        #expect(line(report) == ServiceLine(port: 40_004, isListening: true, holders: nil))
    }

    @Test("whose service vanished is held by its own connections: those that were seen, and those that ended since")
    func own() {
        var accounting = PortAccounting(settings)
        _ = accounting.report([listener, accepted, other], range: range)
        let closed = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 50_001), remaining: 57)
        let before = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 80), remaining: 20)
        let report = accounting.report([accepted, closed, before, other], range: range, at: .after(5))
        #expect(line(report)?.holders?.own == 3 && line(report)?.holders?.other == 0)
        #expect(line(report)?.holders?.isBindablePlain == false && line(report)?.holders?.isBindableReusing == true)
        #expect(line(report)?.holders?.free == .never)
        #expect(report.ephemeral?.usable == 9, "connect() passes it over")
        let ended = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 50_000), remaining: 50)
        let later = accounting.report([ended, closed, other], range: range, at: .after(15))
        #expect(line(later)?.holders?.own == 2)
        #expect(line(later)?.freeAfter == 76.1)
    }

    @Test("that an outgoing connection took within the interval is held by others, until its TIME_WAIT is gone")
    func taken() {
        var accounting = PortAccounting(settings)
        _ = accounting.report([listener, other], range: range)
        let report = accounting.report([outgoing, other], range: range, at: .after(5))
        #expect(line(report)?.holders?.other == 1 && line(report)?.holders?.own == 0)
        #expect(line(report)?.holders?.isBindableReusing == false && line(report)?.holders?.free == .never)
        #expect(report.ephemeral?.usable == 10 && report.ephemeral?.established == 1)
        #expect(report.destinations?.worst == 1)
        let ended = SocketRow.socket(.timeWait, (.loopback, 40_004), (.loopback, 8080), remaining: 58)
        let later = accounting.report([ended, other], range: range, at: .after(10))
        #expect(line(later)?.holders?.other == 1 && line(later)?.freeAfter == 72.1)
        #expect(later.timeWait?[.client, .local] == 1 && later.timeWait?[.server, .local] == 0)
        let last = SocketRow.socket(.timeWait, (.loopback, 40_004), (.loopback, 8080))
        let end = accounting.report([last, other], range: range, at: .after(69))
        #expect(line(end)?.holders?.other == 1 && line(end)?.freeAfter == 73.1)
        #expect(line(accounting.report([other], range: range, at: .after(71)))?.holders?.free == .now)
    }

    @Test("keeps its own old connections to the last, when their 60 seconds are over too")
    func lastOwn() {
        var accounting = PortAccounting(settings)
        _ = accounting.report([listener], range: range)
        for (seconds, remaining) in [(5.0, 56.0), (60, 1), (62, 0), (64, 0)] {
            let row = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 50_000), remaining: remaining)
            let report = accounting.report([row], range: range, at: .after(seconds))
            #expect(line(report)?.holders?.own == 1, "after \(seconds) s")
        }
    }

    @Test("is bound where the service listened last: only what overlaps is in the way")
    func addresses() {
        let cases: [(service: SocketRow?, holder: IPAddress, isFree: Bool)] = [
            (nil, .loopback, false), (.listen(.anyIPv4, 40_004), .loopback, false),
            (.listen(.loopback, 40_004), .loopback, false),
            (.listen(IPAddress(127, 0, 0, 2), 40_004), .loopback, true),
            (.listen(.anyIPv6, 40_004), .loopback, false),
            (.listen(.anyIPv6, 40_004, isV6Only: true), .loopback, true),
            (.listen(.anyIPv6, 40_004, isV6Only: true), .loopback6, false),
            (.listen(.anyIPv4, 40_004), .loopback6, false), (.listen(.loopback, 40_004), .loopback6, true),
            (.listen(.loopback6, 40_004), .loopback6, false),
        ]
        for (service, holder, isFree) in cases {
            var accounting = PortAccounting(settings)
            _ = accounting.report((service.map { [$0] } ?? []) + [other], range: range)
            let row = SocketRow.socket(.established, (holder, 40_004), (holder, 8080))
            let both = [other, .listen(.anyIPv6, 8080)]
            let report = accounting.report(both + [row], range: range, at: .after(5))
            #expect(line(report)?.holders?.isBindablePlain == isFree, "\(String(describing: service)), \(holder)")
        }
    }

    @Test("that somebody has bound and no more is not to be had")
    func bound() {
        var accounting = PortAccounting(settings)
        let bound = SocketRow(
            localAddress: .loopback,
            localPort: 40_004,
            remoteAddress: .anyIPv4,
            remotePort: 0,
            state: .boundInactive
        )
        let report = accounting.report([], range: range, bound: [bound])
        #expect(line(report)?.holders?.other == 1 && line(report)?.holders?.isBindableReusing == false)
        #expect(line(report)?.holders?.free == .never)
    }

    @Test("shows by itself while something holds it, if it is reserved, or was listened on for ten minutes")
    func learnt() {
        var accounting = PortAccounting(AccountingSettings())
        let reserved = EphemeralRange(40_000, 40_009, reserved: [40_006])
        let squatter = SocketRow.socket(.timeWait, (.own, 40_006), (.remote, 80), remaining: 30)
        #expect(accounting.report([squatter], range: reserved).services.map(\.port) == [40_006])
        #expect(accounting.report([], range: reserved, at: .after(5)).services.isEmpty)
        for seconds in stride(from: 10.0, through: 610, by: 5) {
            #expect(accounting.report([listener, accepted], range: range, at: .after(seconds)).services.isEmpty)
        }
        #expect(accounting.report([accepted], range: range, at: .after(615)).services.map(\.port) == [40_004])
        #expect(accounting.report([], range: range, at: .after(620)).services.isEmpty)
        #expect(accounting.report([outgoing], range: range, at: .after(80_000)).services.map(\.port) == [40_004])
        #expect(accounting.report([], range: range, at: .after(80_005)).services.isEmpty)
        #expect(accounting.report([outgoing], range: range, at: .after(90_000)).services.isEmpty)
    }

    @Test("has series up to the limit, and the rest is counted")
    func limit() {
        var settings = AccountingSettings()
        settings.servicePorts = PortSet(PortRange(low: 9000, high: 9004) ?? range.ports)
        settings.servicesLimit = 3
        var accounting = PortAccounting(settings)
        let report = accounting.report([], range: range)
        #expect(report.services.map(\.port) == [9000, 9001, 9002] && report.omittedServices == 2)
    }

    @Test("follows its listener between two readings of the table")
    func refresh() {
        var accounting = PortAccounting(settings)
        var report = accounting.report([listener], range: range)
        report.refresh(listening: [], range: range)
        #expect(line(report) == ServiceLine(port: 40_004, isListening: false, holders: nil))
    }
}

@Suite("What a listener in the range risks")
struct CollisionTests {
    @Test("is the used part of the half that has its parity, and nothing where it is reserved")
    func ratio() {
        var accounting = PortAccounting(ports: 10)
        let report = accounting.report(
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

    @Test("counts sockets that are connected to themselves")
    func selfConnected() {
        var accounting = PortAccounting(ports: 10)
        let report = accounting.report([
            .socket(.established, (.loopback, 40_000), (.loopback, 40_000)),
            .socket(.established, (.loopback, 40_002), (.loopback6, 40_002)),
        ])
        #expect(report.selfConnected == 1)
    }

    @Test("finds the reserved ports that protect nothing")
    func idle() {
        var accounting = PortAccounting(ports: 10)
        var udp = PortSet()
        udp.insert(40_001)
        let range = EphemeralRange(40_000, 40_009, reserved: [80, 40_000, 40_001, 40_002])
        let rows: [SocketRow] = [.listen(.anyIPv4, 40_000)]
        let idle = accounting.report(rows, range: range, udp: udp).idleReserved
        #expect(idle?.outOfRange == 1 && idle?.noListener == 1)
        let unknown = accounting.report(rows, range: range, at: .after(5)).idleReserved
        #expect(unknown?.outOfRange == 1 && unknown?.noListener == nil)
    }

    @Test("gives the peers of a port, the greatest first to enter, and one that has entered stays")
    func peers() {
        var settings = AccountingSettings()
        settings.peersLimit = 2
        var accounting = PortAccounting(settings)
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
            return accounting.report([.listen(.anyIPv4, 80)] + rows, at: .after(seconds)).peers.map(\.sockets)
        }
        #expect(peers([3, 7, 5], at: 0) == [7, 5])
        #expect(peers([30, 7, 5], at: 5) == [7, 5])
        #expect(peers([30, 7, 0], at: 10) == [30, 7])
    }
}
