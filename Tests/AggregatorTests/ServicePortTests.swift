import Model
import Testing

@testable import Aggregator

@Suite("The service ports")
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

    @Test("A configured service port always has a line and is free without holders")
    func asked() {
        var memory = Memory(settings)
        #expect(
            line(memory.report([], range: range))
                == ServiceLine(port: 40_004, origin: .configured, isListening: false, holders: .init())
        )
        let report = memory.report([listener, accepted], range: range, at: .after(5))
        #expect(line(report) == ServiceLine(port: 40_004, origin: .configured, isListening: true, holders: nil))
    }

    @Test("Old connections of a stopped service count as its own holders of the port")
    func own() {
        var memory = Memory(settings)
        _ = memory.report([listener, accepted, other], range: range)
        let closed = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 50_001), remaining: 57)
        let before = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 80), remaining: 20)
        let report = memory.report([accepted, closed, before, other], range: range, at: .after(5))
        #expect(line(report)?.holders?.own == 3 && line(report)?.holders?.other == 0)
        #expect(line(report)?.holders?.isBindablePlain == false && line(report)?.holders?.isBindableReusing == true)
        #expect(line(report)?.holders?.free == .never)
        #expect(report.ephemeral?.usable == 9, "connect() passes it over")
        let ended = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 50_000), remaining: 50)
        let later = memory.report([ended, closed, other], range: range, at: .after(15))
        #expect(line(later)?.holders?.own == 2)
        #expect(line(later)?.freeAfter == 76.1)
    }

    @Test(
        "An outgoing connection on the port is another holder until its TIME_WAIT ends"
    )
    func taken() {
        var memory = Memory(settings)
        _ = memory.report([listener, other], range: range)
        let report = memory.report([outgoing, other], range: range, at: .after(5))
        #expect(line(report)?.holders?.other == 1 && line(report)?.holders?.own == 0)
        #expect(line(report)?.holders?.isBindableReusing == false && line(report)?.holders?.free == .never)
        #expect(report.ephemeral?.usable == 10 && report.ephemeral?.established == 1)
        #expect(report.destinations?.worst == 1)
        let ended = SocketRow.socket(.timeWait, (.loopback, 40_004), (.loopback, 8080), remaining: 58)
        let later = memory.report([ended, other], range: range, at: .after(10))
        #expect(line(later)?.holders?.other == 1 && line(later)?.freeAfter == 72.1)
        #expect(later.timeWait?[.client, .local] == 1 && later.timeWait?[.server, .local] == 0)
        let last = SocketRow.socket(.timeWait, (.loopback, 40_004), (.loopback, 8080))
        let end = memory.report([last, other], range: range, at: .after(69))
        #expect(line(end)?.holders?.other == 1 && line(end)?.freeAfter == 73.1)
        #expect(line(memory.report([other], range: range, at: .after(71)))?.holders?.free == .now)
    }

    @Test("A socket that a client connected to itself on the port is another holder")
    func selfConnected() {
        var memory = Memory(settings)
        _ = memory.report([other], range: range)
        let itself = SocketRow.socket(.established, (.loopback, 40_004), (.loopback, 40_004))
        let report = memory.report([itself, other], range: range, at: .after(5))
        #expect(line(report)?.holders?.other == 1 && line(report)?.holders?.own == 0)
    }

    @Test("A connection on an address without a listener of the service counts as another holder")
    func otherAddress() {
        var memory = Memory(settings)
        let specific = SocketRow.listen(.own, 40_004)
        let older = SocketRow.socket(.timeWait, (.loopback, 40_004), (.loopback, 8080), remaining: 40)
        _ = memory.report([specific, older], range: range)
        let accepted = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 50_000), remaining: 40)
        let aged = SocketRow.socket(.timeWait, (.loopback, 40_004), (.loopback, 8080), remaining: 35)
        let report = memory.report([aged, accepted], range: range, at: .after(5))
        #expect(line(report)?.holders?.own == 1 && line(report)?.holders?.other == 1)
    }

    @Test("Own TIME_WAITs count as own holders until the kernel removes them")
    func lastOwn() {
        var memory = Memory(settings)
        _ = memory.report([listener], range: range)
        for (seconds, remaining) in [(5.0, 56.0), (60, 1), (62, 0), (64, 0)] {
            let row = SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 50_000), remaining: remaining)
            let report = memory.report([row], range: range, at: .after(seconds))
            #expect(line(report)?.holders?.own == 1, "after \(seconds) s")
        }
    }

    @Test("A service port is free if no holder overlaps the last address of its listener")
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
            var memory = Memory(settings)
            _ = memory.report((service.map { [$0] } ?? []) + [other], range: range)
            let row = SocketRow.socket(.established, (holder, 40_004), (holder, 8080))
            let both = [other, .listen(.anyIPv6, 8080)]
            let report = memory.report(both + [row], range: range, at: .after(5))
            #expect(line(report)?.holders?.isBindablePlain == isFree, "\(String(describing: service)), \(holder)")
        }
    }

    @Test("A bound socket that neither listens nor connects holds the service port")
    func bound() {
        var memory = Memory(settings)
        let bound = SocketRow(
            localAddress: .loopback,
            localPort: 40_004,
            remoteAddress: .anyIPv4,
            remotePort: 0,
            state: .boundInactive
        )
        let report = memory.report([], range: range, bound: [bound])
        #expect(line(report)?.holders?.other == 1 && line(report)?.holders?.isBindableReusing == false)
        #expect(line(report)?.holders?.free == .never)
    }

    @Test("A reserved or learnt service port has a line while a socket holds it")
    func learnt() {
        var memory = Memory(AccountingSettings())
        func services(_ rows: [SocketRow], _ range: EphemeralRange? = nil, at seconds: Double) -> [ServiceLine] {
            memory.report(rows, range: range ?? self.range, at: .after(seconds)).services
        }
        let reserved = EphemeralRange(40_000, 40_009, reserved: [40_006])
        let squatter = SocketRow.socket(.timeWait, (.own, 40_006), (.remote, 80), remaining: 30)
        #expect(services([squatter], reserved, at: 0).map(\.origin) == [.reserved])
        #expect(services([], reserved, at: 5).isEmpty)
        for seconds in stride(from: 10.0, through: 620, by: 5) {
            #expect(services([listener, accepted], at: seconds).isEmpty)
        }
        #expect(services([accepted], at: 625).isEmpty, "it may have taken whatever port it got")
        #expect(services([], at: 5000).isEmpty)
        // It is waited for, since it listened for ten minutes.
        #expect(services([listener], at: 5005).isEmpty)
        #expect(services([outgoing], at: 5010).map(\.origin) == [.learnt])
        #expect(services([], at: 5015).isEmpty)
        #expect(services([outgoing], at: 80_000).map(\.port) == [40_004])
        #expect(services([], at: 80_005).isEmpty)
        #expect(services([outgoing], at: 95_000).isEmpty, "a day is over")
    }

    @Test("A listener that was open briefly does not make its port a learnt service port")
    func notLearnt() {
        var memory = Memory(AccountingSettings())
        _ = memory.report([listener], range: range)
        _ = memory.report([], range: range, at: .after(5))
        _ = memory.report([listener], range: range, at: .after(500))
        let report = memory.report([outgoing], range: range, at: .after(505))
        #expect(report.services.isEmpty && report.ports.allSatisfy { !$0.isRecurring })
    }

    @Test("A port is recurring after its service returns, or if it is configured")
    func recurring() {
        func isRecurring(_ report: PortReport) -> Bool? { report.ports.first { $0.port == 40_004 }?.isRecurring }
        var gone = Memory(AccountingSettings())
        #expect(isRecurring(gone.report([listener], range: range)) == false)
        _ = gone.report([], range: range, at: .after(5))
        #expect(isRecurring(gone.report([listener], range: range, at: .after(10))) == true)
        var restarted = Memory(AccountingSettings())
        let workers = [1, 2].map { SocketRow.listen(.anyIPv4, 40_004, cookie: $0) }
        #expect(isRecurring(restarted.report(workers, range: range)) == false)
        let one = [workers[1], .listen(.anyIPv4, 40_004, cookie: 3)]
        #expect(isRecurring(restarted.report(one, range: range, at: .after(5))) == false, "one worker of several")
        let all = [SocketRow.listen(.anyIPv4, 40_004, cookie: 4)]
        #expect(isRecurring(restarted.report(all, range: range, at: .after(10))) == true)
        var asked = Memory(settings)
        #expect(isRecurring(asked.report([listener], range: range)) == true)
    }

    @Test("A listener on another address counts as a holder, and bind() fails if the two overlap")
    func elsewhere() {
        let cases: [(service: SocketRow, other: SocketRow, isHome: Bool, blocks: Bool)] = [
            (.listen(.anyIPv4, 40_004), .listen(.loopback, 40_004), false, true),
            (.listen(.anyIPv4, 40_004), .listen(.anyIPv6, 40_004), true, true),
            (.listen(.anyIPv4, 40_004), .listen(.anyIPv6, 40_004, isV6Only: true), false, false),
            (.listen(.loopback, 40_004), .listen(.anyIPv4, 40_004), true, true),
            (.listen(.loopback, 40_004), .listen(.own, 40_004), false, false),
            (.listen(.anyIPv6, 40_004), .listen(.anyIPv4, 40_004), false, true),
            (.listen(.anyIPv6, 40_004), .listen(.anyIPv6, 40_004, isV6Only: true), false, true),
            (.listen(.anyIPv6, 40_004, isV6Only: true), .listen(.loopback, 40_004), false, false),
            (.listen(.anyIPv4, 40_004, device: 2), .listen(.anyIPv4, 40_004, device: 3), false, false),
            (.listen(.anyIPv4, 40_004, device: 2), .listen(.anyIPv4, 40_004), true, true),
            (.listen(.anyIPv4, 40_004), .listen(.anyIPv4, 40_004, device: 2), false, true),
        ]
        for (service, other, isHome, blocks) in cases {
            var memory = Memory(settings)
            _ = memory.report([service], range: range)
            let address = [.anyIPv4, .anyIPv6].contains(other.localAddress) ? IPAddress.loopback : other.localAddress
            let accepted = SocketRow.socket(
                .established,
                (other.isV6Only ? .loopback6 : address, 40_004),
                (other.isV6Only ? .loopback6 : address, 50_000),
                device: other.device
            )
            // Of a connection nobody knows that it is IPv6 only.
            let rows = other.isV6Only ? [other] : [other, accepted]
            let report = memory.report(rows, range: range, at: .after(5))
            let text = Comment(rawValue: "\(service), \(other)")
            #expect(line(report)?.isListening == isHome, text)
            guard !isHome else { continue }
            #expect(line(report)?.holders?.other == rows.count && line(report)?.holders?.own == 0, text)
            #expect(line(report)?.holders?.isBindableReusing == !blocks, text)
            #expect(line(report)?.holders?.free == .never, text)
            // The service comes back.
            let back = memory.report([service], range: range, at: .after(10))
            #expect(line(back)?.isListening == true, text)
        }
    }

    @Test("A service on one interface can bind a port held on another interface")
    func devices() {
        var memory = Memory(settings)
        _ = memory.report([.listen(.anyIPv4, 40_004, device: 2)], range: range)
        let row = { (device: UInt32) in
            SocketRow.socket(.established, (.own, 40_004), (.remote, 80), device: device)
        }
        for (device, isFree) in [(UInt32(3), true), (2, false), (0, false)] {
            let report = memory.report([row(device)], range: range, at: .after(5))
            #expect(line(report)?.holders?.isBindablePlain == isFree, "\(device)")
        }
    }

    @Test("The free time covers an orphaned FIN_WAIT2 and the TIME_WAIT after it")
    func orphan() {
        var memory = Memory(settings)
        _ = memory.report([listener], range: range)
        let orphan = SocketRow.socket(.finWait2, (.own, 40_004), (.remote, 50_000), isMiniSocket: true, remaining: 40)
        let report = memory.report([orphan], range: range, at: .after(5))
        #expect(line(report)?.freeAfter == 109.1)
        let owned = SocketRow.socket(.finWait2, (.own, 40_004), (.remote, 50_000), isMiniSocket: false)
        #expect(line(memory.report([owned], range: range, at: .after(10)))?.holders?.free == .never)
    }

    @Test("A port that old connections make unusable does not count as used by a destination")
    func unusable() {
        var memory = Memory(settings)
        _ = memory.report([listener, accepted, other], range: range)
        let used = (40_000..<40_010).filter { $0 != 40_004 }.map {
            SocketRow.socket(.timeWait, (.loopback, $0), (.loopback, 8080), remaining: 30)
        }
        let squatter = SocketRow.socket(.timeWait, (.loopback, 40_004), (.loopback, 8080), remaining: 59)
        let report = memory.report(used + [accepted, squatter, other], range: range, at: .after(5))
        #expect(line(report)?.holders?.own == 1 && line(report)?.holders?.other == 1)
        #expect(report.ephemeral?.usable == 9 && report.destinations?.worst == 9)
    }

    @Test("The service lines stop at the limit, and the report counts the omitted services")
    func limit() {
        var settings = AccountingSettings()
        settings.servicePorts = PortSet(PortRange(low: 9000, high: 9004) ?? range.ports)
        settings.servicesLimit = 3
        var memory = Memory(settings)
        let report = memory.report([], range: range)
        #expect(report.services.map(\.port) == [9000, 9001, 9002] && report.omittedServices == 2)
        let held = SocketRow.socket(.established, (.own, 9004), (.remote, 80))
        let urgent = memory.report([.listen(.anyIPv4, 9000), held], range: range, at: .after(5))
        #expect(urgent.services.map(\.port) == [9001, 9002, 9004], "held ones come first, then those without listener")
    }

    @Test("A look at the listeners between two readings updates the service line")
    func refresh() {
        var memory = Memory(settings)
        var report = memory.report([listener], range: range)
        #expect(memory.look(at: [], updating: &report, range, at: .after(1)))
        #expect(line(report) == ServiceLine(port: 40_004, origin: .configured, isListening: false, holders: nil))
        #expect(memory.awaitsService)
    }

    @Test("A service that listened only between two readings owns its TIME_WAITs")
    func glimpse() {
        var memory = Memory(settings)
        var report = memory.report([], range: range)
        for second in 1...6 {
            #expect(!memory.look(at: [listener], updating: &report, range, at: .after(Double(second))))
        }
        #expect(memory.look(at: [], updating: &report, range, at: .after(7)))
        let closed = (0..<30).map {
            SocketRow.socket(.timeWait, (.own, 40_004), (.remote, 1000 + Port($0)), remaining: 35)
        }
        let later = memory.report(closed, range: range, at: .after(30))
        #expect(later.timeWait?[.server, .remote] == 30)
        #expect(line(later)?.holders?.own == 30)
    }
}
