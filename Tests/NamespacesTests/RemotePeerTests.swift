import Namespaces
import Testing

/// Exact numbers of TIME_WAITs between two namespaces.
@Suite(
    "TIME_WAITs with remote peers",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct RemotePeerTests {
    let server: NetworkNamespace
    let client: NetworkNamespace

    init() throws {
        server = try NetworkNamespace()
        client = try NetworkNamespace(beside: server)
        let links = try server.connect(to: client, here: "10.9.0.1/24", there: "10.9.0.2/24")
        try server.addAddress("fd00::1/64", to: links.here)
        try client.addAddress("fd00::2/64", to: links.there)
    }

    @Test(
        "A server that closes first leaves the TIME_WAITs in its namespace",
        arguments: ["10.9.0.1", "fd00::1"]
    )
    func serverFirst(address: String) throws {
        try server.listen(address, port: 8080)
        try client.makeTimeWaits(9, .server, at: server, address, port: 8080)
        let rows = try server.sockets(.timeWait)
        #expect(rows.count == 9)
        let peer = address == "fd00::1" ? "fd00::2" : "10.9.0.2"
        #expect(rows.allSatisfy { $0.localPort == 8080 && $0.peerAddress == peer })
        #expect(try client.sockets().isEmpty)
        #expect(try server.sockets().count == 10)
    }

    @Test(
        "A client that closes first leaves the TIME_WAITs in its namespace",
        arguments: ["10.9.0.1", "fd00::1"]
    )
    func clientFirst(address: String) throws {
        try server.listen("::", port: 8080)
        try client.makeTimeWaits(13, .client, at: server, address, port: 8080)
        let rows = try client.sockets()
        #expect(rows.count == 13)
        #expect(rows.allSatisfy { $0.state == .timeWait && $0.peerAddress == address && $0.peerPort == 8080 })
        #expect(try server.sockets().count == 1)
    }

    @Test("Connections between namespaces stay open at both ends")
    func established() throws {
        try server.listen("10.9.0.1", port: 8080)
        try client.dialConnections(4, to: "10.9.0.1", port: 8080)
        try server.acceptConnections(3, port: 8080)
        #expect(try client.sockets(.established).count == 4)
        #expect(try server.sockets(.established).count == 4)
        #expect(try server.listeners().map(\.receiveQueue) == [1])
    }

    @Test("A failure at one end is reported, and both agents continue")
    func failure() throws {
        try server.listen("10.9.0.1", port: 8080)
        #expect(throws: NamespaceError.self) {
            try client.makeTimeWaits(1, .server, at: server, "10.9.0.1", port: 8081)
        }
        try client.makeTimeWaits(2, .server, at: server, "10.9.0.1", port: 8080)
        #expect(try server.sockets(.timeWait).count == 2)
    }
}
