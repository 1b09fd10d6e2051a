import Glibc
import Namespaces
import Testing

@Suite(
    "The kernel's answer to a system call",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct AttemptTests {
    @Test("connect() is reported to succeed up to the last port and to fail beyond it")
    func connections() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40003")
        try namespace.listen(port: 8080)
        for _ in 0..<4 { #expect(try namespace.attemptConnection(port: 8080) == 0) }
        #expect(try namespace.attemptConnection(port: 8080) == Int(EADDRNOTAVAIL))
        #expect(Set(try namespace.sockets(.established).filter { $0.peerPort == 8080 }.map(\.localPort)).count == 4)
    }

    @Test("The result of bind() is reported with and without SO_REUSEADDR")
    func bindings() throws {
        let namespace = try NetworkNamespace()
        try namespace.listen(port: 8080)
        try namespace.makeTimeWaits(1, .server, port: 8080)
        #expect(try namespace.tryBinding("127.0.0.1", port: 8080, reuseAddress: true) == Int(EADDRINUSE))
        try namespace.unlisten(port: 8080)
        #expect(try namespace.tryBinding("127.0.0.1", port: 8080, reuseAddress: false) == Int(EADDRINUSE))
        #expect(try namespace.tryBinding("127.0.0.1", port: 8080, reuseAddress: true) == 0)
        #expect(try namespace.tryBinding("::1", port: 8080, v6only: true, reuseAddress: false) == 0)
    }

    @Test("A client that connects to itself has one socket")
    func itself() throws {
        let namespace = try NetworkNamespace()
        try namespace.connectToItself(port: 40_000)
        let sockets = try namespace.sockets(.established)
        #expect(sockets.count == 1 && sockets.first?.localPort == 40_000 && sockets.first?.peerPort == 40_000)
    }

    @Test("Connections to many destinations leave one TIME_WAIT each")
    func scattered() throws {
        let namespace = try NetworkNamespace()
        try namespace.output(of: "ip", ["route", "add", "local", "10.0.0.0/8", "dev", "lo"])
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.scatterTimeWaits(500, port: 8080)
        let timeWaits = try namespace.sockets(.timeWait)
        #expect(timeWaits.count == 500 && Set(timeWaits.map(\.peerAddress)).count == 500)
    }
}
