import Model
import Testing

@testable import Aggregator

@Suite("The classification of TIME_WAITs")
struct ClassificationTests {
    /// The one role and peer of one TIME_WAIT among these listeners.
    private func classify(_ row: SocketRow, among listeners: [SocketRow]) -> String {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let timeWait = memory.report(listeners + [row]).timeWait
        let found = Role.allCases.flatMap { role in
            Peer.allCases.filter { timeWait?[role, $0] == 1 }.map { "\(role) \($0)" }
        }
        return found.joined(separator: ", ")
    }

    @Test("A TIME_WAIT with a listener at its local end has the role server")
    func server() {
        let listener = SocketRow.listen(.anyIPv4, 8080)
        #expect(
            classify(.socket(.timeWait, (.loopback, 8080), (.loopback, 40_000)), among: [listener]) == "server local"
        )
        #expect(classify(.socket(.timeWait, (.own, 8080), (.own, 40_000)), among: [listener]) == "server local")
        #expect(classify(.socket(.timeWait, (.own, 8080), (.remote, 40_000)), among: [listener]) == "server remote")
    }

    @Test("A TIME_WAIT with a local listener at its remote end has the role client")
    func localClient() {
        let listener = SocketRow.listen(.loopback, 9090)
        #expect(
            classify(.socket(.timeWait, (.loopback, 40_000), (.loopback, 9090)), among: [listener]) == "client local"
        )
        #expect(classify(.socket(.timeWait, (.loopback, 1234), (.loopback, 9090)), among: [listener]) == "client local")
    }

    @Test("A TIME_WAIT on an ephemeral port without a local listener has the role client")
    func remoteClient() {
        #expect(classify(.socket(.timeWait, (.own, 40_000), (.remote, 443)), among: []) == "client remote")
        #expect(classify(.socket(.timeWait, (.loopback, 40_000), (.loopback, 443)), among: []) == "client local")
        // The same port number as a service of this host, but on another host.
        let listener = SocketRow.listen(.anyIPv4, 443)
        #expect(classify(.socket(.timeWait, (.own, 40_000), (.remote, 443)), among: [listener]) == "client remote")
    }

    @Test(
        "A TIME_WAIT on a foreign local address has the role other without a listener there"
    )
    func transparentProxy() {
        let dialed = IPAddress(203, 0, 113, 80)
        let proxy = SocketRow.listen(.anyIPv4, 15_001)
        let web = SocketRow.listen(.anyIPv4, 80)
        for row in [
            SocketRow.socket(.timeWait, (dialed, 80), (.remote, 50_000)),
            .socket(.timeWait, (dialed, 40_000), (.remote, 50_000)),
        ] {
            #expect(classify(row, among: [proxy, web]) == "other remote")
        }
        let local = SocketRow.socket(.timeWait, (dialed, 80), (.own, 50_000))
        #expect(classify(local, among: [proxy]) == "other local")
        let exact = SocketRow.listen(dialed, 80)
        #expect(classify(.socket(.timeWait, (dialed, 80), (.remote, 50_000)), among: [exact]) == "server remote")
    }

    @Test("A listener bound to an interface matches only TIME_WAITs on that interface")
    func devices() {
        let listener = SocketRow.listen(.anyIPv4, 8080, device: 2)
        let row = { (device: UInt32) in
            SocketRow.socket(.timeWait, (.own, 8080), (.remote, 40_000), device: device)
        }
        #expect(classify(row(2), among: [listener]) == "server remote")
        #expect(classify(row(3), among: [listener]) == "other remote")
        // The client of such a service on this host is bound to nothing.
        let client = SocketRow.socket(.timeWait, (.own, 40_000), (.own, 8080))
        #expect(classify(client, among: [listener]) == "client local")
    }

    @Test("A TIME_WAIT outside the ephemeral range without a listener has the role other")
    func other() {
        #expect(classify(.socket(.timeWait, (.own, 8080), (.remote, 443)), among: []) == "other remote")
        #expect(classify(.socket(.timeWait, (.loopback, 8080), (.loopback, 443)), among: []) == "other local")
    }

    @Test("A TIME_WAIT with listeners at both ends has the role server")
    func bothEnds() {
        let listeners = [SocketRow.listen(.anyIPv4, 8080), .listen(.anyIPv4, 9090)]
        #expect(classify(.socket(.timeWait, (.loopback, 8080), (.loopback, 9090)), among: listeners) == "server local")
        // In the ephemeral range too: a listener's port cannot be chosen for an outgoing
        // connection.
        #expect(
            classify(
                .socket(.timeWait, (.loopback, 40_000), (.loopback, 9090)),
                among: [.listen(.loopback, 40_000), listeners[1]]
            ) == "server local"
        )
    }

    @Test("A listener matches its own address, 0.0.0.0 matches IPv4, and :: matches both families")
    func addresses() {
        let v4 = SocketRow.socket(.timeWait, (.loopback, 8080), (.loopback, 40_000))
        let v6 = SocketRow.socket(.timeWait, (.loopback6, 8080), (.loopback6, 40_000))
        #expect(classify(v4, among: [.listen(.loopback, 8080)]) == "server local")
        #expect(classify(v4, among: [.listen(.own, 8080)]) == "other local")
        #expect(classify(v4, among: [.listen(.loopback6, 8080)]) == "other local")
        #expect(classify(v6, among: [.listen(.anyIPv4, 8080)]) == "other local")
        #expect(classify(v6, among: [.listen(.loopback6, 8080)]) == "server local")
        #expect(classify(v6, among: [.listen(.anyIPv6, 8080)]) == "server local")
        #expect(classify(v4, among: [.listen(.anyIPv6, 8080)]) == "server local")
        #expect(classify(v4, among: [.listen(.own, 8080), .listen(.loopback, 8080)]) == "server local")
    }

    @Test("A listener on :: with IPV6_V6ONLY does not match IPv4 TIME_WAITs")
    func v6Only() {
        let v4 = SocketRow.socket(.timeWait, (.loopback, 8080), (.loopback, 40_000))
        let v6 = SocketRow.socket(.timeWait, (.loopback6, 8080), (.loopback6, 40_000))
        let v6Only = SocketRow.listen(.anyIPv6, 8080, isV6Only: true)
        #expect(classify(v4, among: [v6Only]) == "other local")
        #expect(classify(v6, among: [v6Only]) == "server local")
        #expect(classify(v4, among: [v6Only, .listen(.anyIPv6, 8080)]) == "server local")
        #expect(classify(v4, among: [v6Only, .listen(.anyIPv4, 8080)]) == "server local")
    }

    @Test(
        "A TIME_WAIT belongs to the listener with the most specific address and interface",
        arguments: [
            ([.listen(.anyIPv4, 8080)], .loopback, 0, 0),
            ([.listen(.anyIPv4, 8080), .listen(.loopback, 8080)], .loopback, 0, 1),
            ([.listen(.anyIPv4, 8080), .listen(.loopback, 8080)], .own, 0, 0),
            ([.listen(.anyIPv6, 8080, isV6Only: true), .listen(.anyIPv4, 8080)], .loopback, 0, 1),
            ([.listen(.anyIPv6, 8080, isV6Only: true), .listen(.anyIPv4, 8080)], .loopback6, 0, 0),
            ([.listen(.anyIPv6, 8080)], .loopback, 0, 0),
            ([.listen(.anyIPv6, 8080), .listen(.anyIPv4, 8080)], .loopback, 0, 1),
            ([.listen(.anyIPv4, 8080, device: 1), .listen(.anyIPv4, 8080, device: 2)], .loopback, 2, 1),
            ([.listen(.anyIPv4, 8080), .listen(.anyIPv4, 8080, device: 2)], .loopback, 2, 1),
            ([.listen(.loopback, 8080), .listen(.loopback, 8080, device: 2)], .loopback, 2, 1),
            ([.listen(.loopback, 8080), .listen(.anyIPv4, 8080, device: 2)], .loopback, 2, 0),
        ] as [([SocketRow], IPAddress, UInt32, Int)]
    )
    func acceptingListener(listening: [SocketRow], address: IPAddress, device: UInt32, accepting: Int) throws {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let timeWait = SocketRow.socket(.timeWait, (address, 8080), (address, 40_000), device: device)
        let line = try #require(memory.report(listening + [timeWait, .listen(.own, 9090)]).ports.first)
        #expect(line.listenerTimeWait == [ListenerTimeWait(end: ListenerEnd(listening[accepting]), count: 1)])
    }

    @Test(
        "A TIME_WAIT blocks bind() of a listener if the kernel sees both addresses in conflict",
        arguments: [
            (.listen(.anyIPv4, 8080), .listen(.anyIPv4, 8080), true),
            (.listen(.anyIPv4, 8080), .listen(.loopback, 8080), true),
            (.listen(.loopback, 8080), .listen(.own, 8080), false),
            (.listen(.loopback, 8080), .listen(.anyIPv4, 8080), false),
            (.listen(.anyIPv4, 8080), .listen(.anyIPv6, 8080, isV6Only: true), false),
            (.listen(.anyIPv4, 8080), .listen(.loopback6, 8080), true),
            (.listen(.anyIPv6, 8080), .listen(.loopback, 8080), true),
            (.listen(.anyIPv6, 8080, isV6Only: true), .listen(.loopback, 8080), false),
            (.listen(.anyIPv4, 8080, device: 1), .listen(.anyIPv4, 8080, device: 2), false),
            (.listen(.anyIPv4, 8080, device: 1), .listen(.anyIPv4, 8080), true),
        ] as [(SocketRow, SocketRow, Bool)]
    )
    func blocking(listener: SocketRow, accepting: SocketRow, isBlocked: Bool) {
        #expect(ListenerEnd(listener).isBlocked(byTimeWaitsOf: ListenerEnd(accepting)) == isBlocked)
    }

    @Test("A connection in TIME_WAIT at both ends counts as one server and one client TIME_WAIT")
    func simultaneousClose() throws {
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let report = memory.report([
            .listen(.anyIPv4, 8080), .socket(.timeWait, (.loopback, 8080), (.loopback, 40_000)),
            .socket(.timeWait, (.loopback, 40_000), (.loopback, 8080)),
        ])
        let timeWait = try #require(report.timeWait)
        #expect(timeWait[.server, .local] == 1 && timeWait[.client, .local] == 1)
        #expect(report.ports.first?.timeWait == PortTimeWait(serverLocal: 1, serverRemote: 0, clientLocal: 1))
        #expect(report.dialedPorts == 1)
    }

    @Test("A report without local addresses or ephemeral range keeps its other values")
    func absent() {
        let rows: [SocketRow] = [
            .listen(.anyIPv4, 8080), .socket(.timeWait, (.loopback, 8080), (.loopback, 40_000)),
        ]
        var memory = Memory(ports: 100, remembered: 10, sockets: 1000)
        let withoutAddresses = memory.report(rows, addresses: nil)
        #expect(withoutAddresses.timeWait == nil && withoutAddresses.dialedPorts == nil)
        #expect(withoutAddresses.ports.first?.timeWait == nil)
        #expect(withoutAddresses.ports.first?.isExposed == false)
        #expect(withoutAddresses.table[.ipv4, .timeWait] == 1)
        #expect(withoutAddresses.listening == ListeningPorts(outside: 1, reserved: 0, exposed: 0))
        let withoutRange = memory.report(rows, range: nil)
        #expect(withoutRange.timeWait == nil && withoutRange.listening == nil && withoutRange.ephemeral == nil)
        #expect(withoutRange.ports.first?.isExposed == nil)
        #expect(withoutRange.ports.first?.timeWait?.serverLocal == 1)
    }
}
