import Namespaces
import Testing

/// Sockets in other states than TIME_WAIT.
@Suite("Kept connections", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct ConnectionTests {
    let namespace: NetworkNamespace
    let port: Int

    init() throws {
        namespace = try NetworkNamespace()
        port = try namespace.listen("::")
    }

    @Test("Open connections are ESTABLISHED at both ends and leave one TIME_WAIT when closed")
    func openAndClose() throws {
        try namespace.openConnections(6, port: port)
        #expect(try namespace.sockets(.established).count == 12)
        try namespace.closeConnections(2, .server)
        try namespace.closeConnections(3, .client)
        let sockets = try namespace.sockets()
        #expect(sockets.count { $0.state == .established } == 2)
        #expect(sockets.count { $0.state == .timeWait && $0.localPort == port } == 2)
        #expect(sockets.count { $0.state == .timeWait && $0.peerPort == port } == 3)
        #expect(sockets.count == 2 + 5 + 1)
    }

    @Test(
        "A half-close by the client leaves an orphaned FIN_WAIT2 and a CLOSE_WAIT, then a TIME_WAIT"
    )
    func halfClose() throws {
        try namespace.openConnections(5, port: port)
        try namespace.halfCloseConnections(5)
        var sockets = try namespace.sockets()
        #expect(sockets.count { $0.state == .finWait2 && $0.peerPort == port } == 5)
        #expect(sockets.count { $0.state == .closeWait && $0.localPort == port } == 5)
        // The kernel counts the mini-sockets of orphans among its tw.
        #expect(try namespace.output(of: "cat", ["/proc/self/net/sockstat"]).contains(" tw 5 "))
        try namespace.finishConnections(4)
        sockets = try namespace.sockets()
        #expect(sockets.count { $0.state == .timeWait && $0.peerPort == port } == 4)
        #expect(sockets.count { $0.state == .finWait2 } == 1)
        #expect(sockets.count == 4 + 2 + 1)
    }

    @Test(
        "A half-close by the server leaves its end in FIN_WAIT2 and the client in CLOSE_WAIT"
    )
    func halfCloseByServer() throws {
        try namespace.openConnections(3, port: port)
        try namespace.halfCloseConnections(3, .server)
        var sockets = try namespace.sockets()
        #expect(sockets.count { $0.state == .finWait2 && $0.localPort == port } == 3)
        #expect(sockets.count { $0.state == .closeWait && $0.peerPort == port } == 3)
        try namespace.finishConnections(2)
        sockets = try namespace.sockets()
        #expect(sockets.count { $0.state == .timeWait && $0.localPort == port } == 2)
        #expect(sockets.count == 2 + 2 + 1)
    }

    @Test(
        "A client's port can be bound again only if both sockets set SO_REUSEADDR",
        arguments: [true, false]
    )
    func clientsReuseAddress(reuse: Bool) throws {
        try namespace.openConnections(1, port: port, sourcePort: 7000, reuseAddress: reuse)
        #expect(try namespace.tryBinding("127.0.0.1", port: 7000, reuseAddress: false) != 0)
        #expect((try namespace.tryBinding("127.0.0.1", port: 7000, reuseAddress: true) == 0) == reuse)
    }

    @Test("Connections that are not accepted wait in the listener's queue")
    func queue() throws {
        try namespace.dialConnections(3, port: port)
        #expect(try namespace.listeners().map(\.receiveQueue) == [3])
        try namespace.acceptConnections(2, port: port)
        #expect(try namespace.listeners().map(\.receiveQueue) == [1])
    }

    @Test("A reset leaves no socket")
    func reset() throws {
        try namespace.openConnections(4, port: port)
        try namespace.halfCloseConnections(1)
        try namespace.dialConnections(1, port: port)
        try namespace.acceptConnections(1, port: port)
        try namespace.resetConnections()
        #expect(try namespace.sockets().map(\.state) == [.listen])
    }

    @Test("A bound port is in use, though ss lists no listener")
    func bound() throws {
        let bound = try namespace.bind(port: 7070)
        #expect(try namespace.listeners().count == 1)
        #expect(throws: NamespaceError.self) { try namespace.listen(port: bound, .init(reuseAddress: false)) }
        try namespace.unlisten(port: bound)
        try namespace.listen(port: bound, .init(reuseAddress: false))
    }

    @Test("ss distinguishes listeners by their addresses")
    func listeners() throws {
        try namespace.unlisten("::", port: port)
        try namespace.listen("::", port: 80, .init(v6only: true))
        try namespace.listen("::", port: 81)
        try namespace.listen("0.0.0.0", port: 82)
        let addresses = try namespace.listeners().map { "\($0.localAddress) \($0.localPort)" }
        #expect(Set(addresses) == [":: 80", "* 81", "0.0.0.0 82"])
    }
}
