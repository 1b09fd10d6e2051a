import Namespaces
import Testing

/// Why tests with namespaces cannot run here, for those that then do not.
let why = Comment(rawValue: NetworkNamespace.support ?? "")

/// A way for connections to go from a client to a service in the same namespace.
struct Way: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let listener: String
    let address: String
    let family: String

    static let all = [
        Way(testDescription: "IPv4", listener: "0.0.0.0", address: "127.0.0.1", family: "ipv4"),
        Way(testDescription: "IPv6", listener: "::1", address: "::1", family: "ipv6"),
        Way(testDescription: "dual stack over IPv4", listener: "::", address: "127.0.0.1", family: "ipv4"),
        Way(testDescription: "dual stack over IPv6", listener: "::", address: "::1", family: "ipv6"),
        Way(testDescription: "an own address", listener: "10.9.9.1", address: "10.9.9.1", family: "ipv4"),
    ]
}

@Suite(
    "The page for sockets with known counts",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct AccountingTests {
    let namespace: NetworkNamespace

    init() throws {
        namespace = try NetworkNamespace()
        try namespace.addAddress("10.9.9.1/32")
    }

    @Test(
        "The page counts exactly 300 TIME_WAITs closed by the server and 500 closed by a local client",
        arguments: Way.all
    )
    func exactly(way: Way) throws {
        let exporter = try RunningExporter(in: namespace)
        try namespace.listen(way.listener, port: 8080)
        try namespace.listen(way.listener, port: 9090)
        try namespace.makeTimeWaits(300, .server, to: way.address, port: 8080)
        try namespace.makeTimeWaits(500, .client, to: way.address, port: 9090)
        let page = try exporter.freshPage()

        for (port, serverLocal, clientLocal) in [("8080", 300.0, 0.0), ("9090", 0.0, 500.0)] {
            let family = "timewait_port_sockets"
            #expect(page[family, ["port": port, "role": "server", "peer": "local"]] == serverLocal)
            #expect(page[family, ["port": port, "role": "server", "peer": "remote"]] == 0)
            #expect(page[family, ["port": port, "role": "client", "peer": "local"]] == clientLocal)
            #expect(page["timewait_port_listeners", ["port": port]] == 1)
        }
        #expect(page["timewait_sockets", ["role": "server", "peer": "local"]] == 300)
        #expect(page["timewait_sockets", ["role": "client", "peer": "local"]] == 500)
        #expect(page.sum("timewait_sockets") == 800)
        #expect(page["timewait_table_sockets", ["family": way.family, "state": "time_wait"]] == 800)
        #expect(page.sum("timewait_table_sockets", ["state": "time_wait"]) == 800)
        #expect(page["timewait_buckets"] == 800 && page["timewait_buckets_peak"] == 800)
        #expect(page["timewait_entries_total"] == 800)
        #expect(try page["timewait_ephemeral_ports_used", ["state": "time_wait"]] == onlyTimeWait(in: namespace))
        #expect(page["timewait_dialed_listening_ports"] == 2)
        try agreesWithSS(page)
    }

    @Test("The page agrees with ss for every port of a host with mixed sockets")
    func everything() throws {
        try namespace.setSysctl("ip_local_reserved_ports", "40000,50000-50009")
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.listen("0.0.0.0", port: 5050, .init(reusePort: true))
        try namespace.listen("0.0.0.0", port: 5050, .init(reusePort: true))
        try namespace.listen("::", port: 7070)
        try namespace.listen("::1", port: 6060)
        try namespace.listen("10.9.9.1", port: 40_000)
        try namespace.listen("127.0.0.1", port: 40_001)
        let exporter = try RunningExporter(in: namespace, ["--ports.limit=1000"])
        try namespace.makeTimeWaits(20, .server, port: 8080)
        try namespace.makeTimeWaits(10, .client, to: "10.9.9.1", port: 8080)
        try namespace.makeTimeWaits(7, .server, to: "::1", port: 6060)
        try namespace.makeTimeWaits(5, .server, to: "127.0.0.1", port: 7070)
        try namespace.makeTimeWaits(3, .client, to: "::1", port: 7070)
        try namespace.makeTimeWaits(2, .client, port: 40_001)
        try namespace.openConnections(4, to: "127.0.0.1", port: 8080)
        try namespace.halfCloseConnections(2)
        let page = try exporter.freshPage()

        #expect(page["timewait_listening_ports", ["exposure": "exposed"]] == 1)
        #expect(page["timewait_listening_ports", ["exposure": "reserved"]] == 1)
        #expect(page["timewait_port_exposed", ["port": "40001"]] == 1)
        #expect(page["timewait_port_exposed", ["port": "40000"]] == 0)
        #expect(page["timewait_port_listeners", ["port": "5050"]] == 2)
        #expect(page["timewait_orphan_fin_wait2_sockets"] == 2)
        #expect(page["timewait_buckets"] == 49)
        #expect(page["timewait_ephemeral_ports_usable"] == 28_220, "28,232 less 11 reserved less the listener on 40001")
        try agreesWithSS(page)
    }

    @Test("The page counts remote peers, whichever end closes first")
    func remotePeers() throws {
        let client = try NetworkNamespace(beside: namespace)
        _ = try namespace.connect(to: client, here: "10.9.0.1/24", there: "10.9.0.2/24")
        let (atServer, atClient) = (try RunningExporter(in: namespace), try RunningExporter(in: client))
        try namespace.listen("0.0.0.0", port: 8080)
        try client.makeTimeWaits(30, .server, at: namespace, "10.9.0.1", port: 8080)
        try client.makeTimeWaits(50, .client, at: namespace, "10.9.0.1", port: 8080)

        let serverPage = try atServer.freshPage()
        #expect(serverPage["timewait_port_sockets", ["port": "8080", "role": "server", "peer": "remote"]] == 30)
        #expect(serverPage["timewait_sockets", ["role": "server", "peer": "remote"]] == 30)
        #expect(serverPage.sum("timewait_sockets") == 30)
        #expect(serverPage["timewait_dialed_listening_ports"] == 0)
        let clientPage = try atClient.freshPage()
        #expect(clientPage["timewait_sockets", ["role": "client", "peer": "remote"]] == 50)
        #expect(clientPage.sum("timewait_sockets") == 50)
        #expect(try clientPage["timewait_ephemeral_ports_used", ["state": "time_wait"]] == onlyTimeWait(in: client))
    }

    @Test("The page keeps the port of a closed listener, with 0 listeners and its TIME_WAITs")
    func vanishedListener() throws {
        try namespace.listen("127.0.0.1", port: 45_000)
        let exporter = try RunningExporter(in: namespace)
        try namespace.makeTimeWaits(5, .server, port: 45_000)
        #expect(try exporter.freshPage()["timewait_ephemeral_ports_usable"] == 28_231)
        try namespace.unlisten("127.0.0.1", port: 45_000)
        let page = try exporter.freshPage()
        #expect(page["timewait_port_listeners", ["port": "45000"]] == 0)
        #expect(page["timewait_port_sockets", ["port": "45000", "role": "server", "peer": "local"]] == 5)
        #expect(page["timewait_listening_ports", ["exposure": "exposed"]] == 0)
        #expect(page["timewait_ephemeral_ports_usable"] == 28_231, "its TIME_WAITs still keep the port")
    }

    @Test("The page follows changes of the ephemeral range and of the reserved ports")
    func sysctls() throws {
        let exporter = try RunningExporter(in: namespace)
        let reserved = stride(from: 1, to: 65_535, by: 2).map(String.init).joined(separator: ",")
        try namespace.setSysctl("ip_local_port_range", "40000 40009")
        try namespace.setSysctl("ip_local_reserved_ports", reserved)
        let page = try exporter.freshPage()
        #expect(page["timewait_ephemeral_range_low"] == 40_000 && page["timewait_ephemeral_range_high"] == 40_009)
        #expect(page["timewait_ephemeral_ports"] == 10 && page["timewait_ephemeral_ports_reserved"] == 5)
        #expect(page["timewait_ephemeral_ports_usable"] == 5 && page["timewait_reserved_ports"] == 32_767)
        #expect(page["timewait_sysctl_changes_total", ["sysctl": "ip_local_port_range"]] == 1)
        #expect(try #require(page["timewait_sysctl_changes_total", ["sysctl": "ip_local_reserved_ports"]]) >= 1)
    }

    @Test("A hundred scrapes leave no TIME_WAIT")
    func scrapes() throws {
        let exporter = try RunningExporter(in: namespace)
        for _ in 0..<100 { _ = try exporter.page() }
        #expect(try exporter.freshPage().sum("timewait_sockets") == 0)
        #expect(try namespace.sockets(.timeWait).isEmpty)
    }

    /// The ephemeral ports that only TIME_WAITs hold, by ss: the scrape's own connection may share
    /// a port with one of them.
    private func onlyTimeWait(in namespace: NetworkNamespace) throws -> Double {
        let sockets = try namespace.sockets()
        let held = Set(sockets.filter { $0.state == .timeWait && $0.localPort >= 32_768 }.map(\.localPort))
        return Double(held.subtracting(sockets.filter { $0.state == .established }.map(\.localPort)).count)
    }

    /// Compares with ss what both can say, for every port.
    private func agreesWithSS(_ page: MetricsPage) throws {
        let sockets = try namespace.sockets()
        let (listeners, timeWaits) = (try namespace.listeners(), sockets.filter { $0.state == .timeWait })
        #expect(Double(timeWaits.count) == page.sum("timewait_sockets"))
        #expect(page.sum("timewait_table_sockets", ["state": "time_wait"]) == page.sum("timewait_sockets"))
        #expect(page.sum("timewait_table_sockets", ["state": "listen"]) == Double(listeners.count))
        let ports = Set(listeners.map(\.localPort))
        #expect(page.sum("timewait_listening_ports") == Double(ports.count))
        for port in ports {
            let label = "\(port)"
            let count = { (rows: [SocketSummary], isOnPort: (SocketSummary) -> Bool) in
                Double(rows.count(where: isOnPort))
            }
            #expect(page["timewait_port_listeners", ["port": label]] == count(listeners) { $0.localPort == port })
            #expect(
                page.sum("timewait_port_sockets", ["port": label, "role": "server"])
                    == count(timeWaits) { $0.localPort == port }
            )
            #expect(
                page.sum("timewait_port_sockets", ["port": label, "role": "client"])
                    == count(timeWaits) { $0.peerPort == port }
            )
            #expect(
                page["timewait_port_established", ["port": label]]
                    == count(sockets) { $0.state == .established && $0.localPort == port }
            )
        }
    }
}
