import Namespaces
import Testing

/// A way for a connection to go inside one namespace.
struct Way: Sendable, CustomTestStringConvertible {
    /// Its name in the test's output.
    let testDescription: String
    /// Where the service listens.
    let listener: String
    /// Where its clients connect to.
    let address: String
    /// Where they connect from, if they say so.
    var source: String?

    /// All ways that the tests go.
    static let all = [
        Way(testDescription: "IPv4", listener: "0.0.0.0", address: "127.0.0.1"),
        Way(testDescription: "IPv6", listener: "::1", address: "::1"),
        Way(testDescription: "IPv4 at a dual-stack listener", listener: "::", address: "127.0.0.1"),
        Way(testDescription: "own address", listener: "10.9.9.1", address: "10.9.9.1", source: "10.9.9.1"),
        Way(testDescription: "two own addresses", listener: "0.0.0.0", address: "10.9.9.1", source: "127.0.0.1"),
    ]
}

/// Exact numbers of TIME_WAITs inside one namespace, with ss as the witness.
@Suite(
    "TIME_WAITs in exact numbers",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct TimeWaitTests {
    let namespace: NetworkNamespace

    init() throws {
        namespace = try NetworkNamespace()
    }

    @Test("Only the end that closes first leaves a TIME_WAIT", arguments: Way.all)
    func bothClosers(way: Way) throws {
        try namespace.addAddress("10.9.9.1/32")
        let port = try namespace.listen(way.listener)
        try namespace.makeTimeWaits(7, .server, to: way.address, port: port, from: way.source)
        try namespace.makeTimeWaits(11, .client, to: way.address, port: port, from: way.source)

        let sockets = try namespace.sockets()
        let servers = sockets.filter { $0.state == .timeWait && $0.localPort == port }
        let clients = sockets.filter { $0.state == .timeWait && $0.peerPort == port }
        #expect(servers.count == 7)
        #expect(clients.count == 11)
        #expect(sockets.count == 7 + 11 + 1)
        #expect(servers.allSatisfy { $0.localAddress == way.address && $0.peerAddress == way.source ?? way.address })
        #expect(clients.allSatisfy { $0.peerAddress == way.address && $0.localAddress == way.source ?? way.address })
    }

    @Test("Thousands of TIME_WAITs made in succession do not replace each other")
    func thousands() throws {
        // More than the ports of the range's first parity.
        try namespace.setSysctl("ip_local_port_range", "40000 42999")
        let port = try namespace.listen(port: 8080)
        try namespace.makeTimeWaits(1600, .server, port: port)
        try namespace.makeTimeWaits(900, .client, port: port)
        try namespace.makeTimeWaits(500, .server, port: port)
        let timeWaits = try namespace.sockets(.timeWait)
        #expect(timeWaits.count { $0.localPort == port } == 2100)
        #expect(timeWaits.count { $0.peerPort == port } == 900)
        #expect(throws: NamespaceError.self) { try namespace.makeTimeWaits(1, .client, port: port) }
    }

    @Test("A second destination has the complete ephemeral range again")
    func destinations() throws {
        try namespace.setSysctl("ip_local_port_range", "40000 40009")
        for port in [8080, 8081] {
            try namespace.listen(port: port)
            try namespace.makeTimeWaits(10, .client, port: port)
        }
        #expect(try namespace.sockets(.timeWait).count == 20)
    }

    @Test("Reserved ports and listening ports are not used as source ports")
    func reserved() throws {
        try namespace.setSysctl("ip_local_port_range", "40000 40009")
        try namespace.setSysctl("ip_local_reserved_ports", "40000-40003")
        try namespace.listen(port: 40004)
        try namespace.makeTimeWaits(5, .client, port: 40004)
        #expect(Set(try namespace.sockets(.timeWait).map(\.localPort)) == Set(40005...40009))
        #expect(throws: NamespaceError.self) { try namespace.makeTimeWaits(1, .client, port: 40004) }
    }

    @Test("Connections use the requested source port and the ones after it")
    func sourcePorts() throws {
        let port = try namespace.listen()
        try namespace.makeTimeWaits(3, .client, port: port, sourcePort: 5000)
        #expect(Set(try namespace.sockets(.timeWait).map(\.localPort)) == [5000, 5001, 5002])
    }

    @Test("With SO_REUSEPORT any of the listeners may accept the connection")
    func reusePort() throws {
        for _ in 0..<3 { try namespace.listen(port: 8080, .init(reusePort: true)) }
        try namespace.makeTimeWaits(20, .server, port: 8080)
        #expect(try namespace.sockets(.timeWait).count == 20)
        #expect(try namespace.listeners().count == 3)
    }

    @Test("The error of a failed command states the reason and the count of completed connections")
    func refusal() throws {
        let port = try namespace.listen(port: 8080)
        try namespace.makeTimeWaits(2, .client, port: port, sourcePort: 5001)
        let error = #expect(throws: NamespaceError.self) {
            try namespace.makeTimeWaits(3, .client, port: port, sourcePort: 5000)
        }
        let expected = "bind 0.0.0.0 port 5001: Address already in use, after 1 of 3"
        #expect("\(try #require(error))".hasSuffix(expected))
        let refused = #expect(throws: NamespaceError.self) { try namespace.makeTimeWaits(1, .client, port: 8081) }
        #expect("\(try #require(refused))".hasSuffix("Connection refused, after 0 of 1"))
    }
}
