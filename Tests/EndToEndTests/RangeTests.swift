import Foundation
import Namespaces
import Testing

@Suite("The ephemeral range", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct RangeTests {
    @Test(
        "1000 probes closed by the client give a collision ratio of 7.1 % for a port that connect() uses"
    )
    func collision() throws {
        let namespace = try NetworkNamespace()
        for port in [8080, 40_000, 40_001] { try namespace.listen("0.0.0.0", port: port) }
        let exporter = try RunningExporter(in: namespace)
        // The kernel chooses their ports.
        for _ in 0..<1000 {
            #expect(try namespace.attemptConnection(port: 8080) == 0)
            try namespace.closeConnections(1, .client)
        }
        let page = try exporter.freshPage()
        let ratio = { (port: Int) in page["timewait_port_collision_ratio", ["port": "\(port)"]] }
        #expect(abs(try #require(ratio(40_000)) - 0.071) <= 0.005)
        #expect(ratio(40_001) == 0 && ratio(8080) == 0)
        let held = Set(try namespace.sockets().map(\.localPort).filter { $0 >= 32_768 && $0 <= 60_999 })
        let even = held.subtracting([40_000]).count { $0 % 2 == 0 }
        #expect(page["timewait_ephemeral_parity_ports_used", ["allocator": "connect"]] == Double(even))
        #expect(page["timewait_ephemeral_parity_ports_used", ["allocator": "bind"]] == 0)
        #expect(page["timewait_ephemeral_parity_ports", ["allocator": "connect"]] == 14_115)
        #expect(page["timewait_ephemeral_parity_ports", ["allocator": "bind"]] == 14_115)
    }

    @Test("The page counts UDP ports in the range and idle reserved ports")
    func datagrams() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_reserved_ports", "8080,40000-40004")
        let exporter = try RunningExporter(in: namespace)
        try namespace.listen("127.0.0.1", port: 40_000)
        for (address, port) in [("127.0.0.1", 40_001), ("::1", 40_001), ("0.0.0.0", 50_000), ("::", 5353)] {
            try namespace.bindDatagram(address, port: port)
        }
        let page = try exporter.freshPage()
        let ss = try namespace.output(of: "ss", ["-Huan"]).split(separator: "\n")
        let ports = Set(ss.compactMap { $0.split(separator: " ")[3].split(separator: ":").last.flatMap { Int($0) } })
        #expect(page["timewait_udp_ephemeral_ports_used"] == Double(ports.count { $0 >= 32_768 && $0 <= 60_999 }))
        #expect(page["timewait_udp_ephemeral_ports_used"] == 2)
        #expect(page["timewait_reserved_ports_idle", ["reason": "out_of_range"]] == 1)
        #expect(page["timewait_reserved_ports_idle", ["reason": "no_listener"]] == 3)
    }

    @Test("The page counts clients connected to themselves")
    func selfConnected() throws {
        let namespace = try NetworkNamespace()
        let exporter = try RunningExporter(in: namespace)
        #expect(try exporter.freshPage()["timewait_self_connected_sockets"] == 0)
        try namespace.connectToItself(port: 40_001)
        try namespace.connectToItself("::1", port: 40_003)
        #expect(try exporter.freshPage()["timewait_self_connected_sockets"] == 2)
    }

    @Test("--peers.limit limits the peers of a port, whose counts agree with ss")
    func peers() throws {
        let namespace = try NetworkNamespace()
        let client = try NetworkNamespace(beside: namespace)
        _ = try namespace.connect(to: client, here: "10.9.0.1/24", there: "10.9.0.2/24")
        let exporter = try RunningExporter(in: namespace, ["--peers.limit=2"])
        try namespace.listen("0.0.0.0", port: 8080)
        try client.makeTimeWaits(5, .server, at: namespace, "10.9.0.1", port: 8080)
        try namespace.makeTimeWaits(4, .client, port: 8080)
        try namespace.openConnections(3, port: 8080)
        try namespace.openConnections(1, to: "10.9.0.1", port: 8080)
        let page = try exporter.freshPage()
        let family = "timewait_port_peer_sockets"
        #expect(page[family, ["port": "8080", "remote_address": "10.9.0.2"]] == 5)
        #expect(page[family, ["port": "8080", "remote_address": "127.0.0.1"]] == 7)
        #expect(page.sum(family, ["port": "8080"]) == 12, "the third is left out")
    }

    @Test("The series stay the same from page to page with 500 listeners and changing traffic")
    func stickiness() throws {
        let namespace = try NetworkNamespace()
        let exporter = try RunningExporter(in: namespace, ["--ports.limit=50", "--destinations.limit=3"])
        try namespace.setSysctl("ip_local_port_range", "32768 33767")
        for port in 10_500..<11_000 { try namespace.listen("0.0.0.0", port: port) }
        func series(_ page: MetricsPage) -> Set<Substring> {
            let families = ["timewait_port_", "timewait_destination_ports_used{", "timewait_service_port_"]
            let lines = page.text.split(separator: "\n").filter { line in families.contains { line.hasPrefix($0) } }
            return Set(lines.map { $0[..<($0.lastIndex(of: " ") ?? $0.endIndex)] })
        }
        for port in 10_500..<10_504 { try namespace.makeTimeWaits(60, .client, port: port) }
        let first = try exporter.freshPage()
        #expect(first["timewait_omitted_ports"] == 451, "with the exporter's own")
        for round in 1...4 {
            try namespace.makeTimeWaits(40 * round, .server, port: 10_500 + 100 * round)
            try namespace.makeTimeWaits(90, .client, port: 10_501 + 100 * round)
            let page = try exporter.freshPage()
            #expect(series(page) == series(first))
            #expect(page["timewait_omitted_ports"] == 451)
            let distinct = try #require(page["timewait_destinations"])
            #expect(page["timewait_omitted_destinations"] == distinct - 3)
        }
    }
}
