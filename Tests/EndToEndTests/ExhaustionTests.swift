import Glibc
import Namespaces
import Testing

@Suite(
    "The ephemeral ports towards a destination",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct ExhaustionTests {
    private let used = "timewait_destination_ports_used"
    private let most = "timewait_destination_ports_used_max"
    private let usable = "timewait_ephemeral_ports_usable"
    private let exhaustion = "timewait_destination_exhaustion_seconds"

    private func labels(_ port: Int, _ state: String) -> KeyValuePairs<String, String> {
        [
            "source_address": "127.0.0.1", "destination_address": "127.0.0.1", "destination_port": "\(port)",
            "state": state,
        ]
    }

    @Test(
        "All ports towards a destination are in use when connect() to it fails"
    )
    func climb() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40099")
        let exporter = try RunningExporter(in: namespace)
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.listen("0.0.0.0", port: 8081)
        var made = 0
        for goal in [0, 50, 99, 100] {
            while made < goal {
                #expect(try namespace.attemptConnection(port: 8080) == 0)
                made += 1
                // The client closes half of them first.
                if made % 2 == 0 { try namespace.closeConnections(1, .client) }
            }
            let page = try exporter.freshPage()
            #expect(page[usable] == 100)
            // The scrape's own connection is a destination too.
            #expect(page[most] == Double(max(goal, 1)))
            if goal > 0 {
                #expect(page[used, labels(8080, "time_wait")] == Double(goal / 2))
                #expect(page[used, labels(8080, "live")] == Double(goal - goal / 2))
                #expect(page[used, labels(8080, "reusable")] == 0)
            }
            #expect((page[exhaustion] == 0) == (goal == 100))
        }
        #expect(try namespace.attemptConnection(port: 8080) == Int(EADDRNOTAVAIL))
        for _ in 0..<5 { #expect(try namespace.attemptConnection(port: 8081) == 0) }
        let page = try exporter.freshPage()
        #expect(page[used, labels(8081, "live")] == 5)
        #expect(page[most] == page[usable])
        #expect(page["timewait_destinations"] == 3)
    }

    @Test("The usable ports exclude reserved ports and listening ports")
    func usablePorts() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40099")
        try namespace.setSysctl("ip_local_reserved_ports", "40010-40019")
        let exporter = try RunningExporter(in: namespace)
        try namespace.listen("127.0.0.5", port: 40_050)
        try namespace.listen("0.0.0.0", port: 8080)
        for _ in 0..<89 { #expect(try namespace.attemptConnection(port: 8080) == 0) }
        #expect(try namespace.attemptConnection(port: 8080) == Int(EADDRNOTAVAIL))
        let page = try exporter.freshPage()
        #expect(page[usable] == 89 && page[most] == 89 && page[exhaustion] == 0)
        #expect(page["timewait_reserved_ports_idle", ["reason": "no_listener"]] == 10)
    }

    @Test("TIME_WAITs count as reusable when tcp_tw_reuse lets connect() reuse them")
    func reusable() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40099")
        try namespace.setSysctl("tcp_tw_reuse", "2")
        try namespace.addAddress("10.9.9.1/32")
        let exporter = try RunningExporter(in: namespace)
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.makeTimeWaits(60, .client, port: 8080)
        try namespace.makeTimeWaits(60, .client, to: "10.9.9.1", port: 8080)
        // A second, which is the delay, has passed at the reading after the next one.
        _ = try exporter.freshPage()
        let page = try exporter.freshPage()
        #expect(page[used, labels(8080, "reusable")] == 60 && page[used, labels(8080, "time_wait")] == 0)
        #expect(page.sum(used, ["destination_address": "10.9.9.1", "state": "time_wait"]) == 60)
        #expect(page[most] == 60 && page["timewait_destinations"] == 3)
    }

    @Test("Used ports are counted per source and destination, with IPv4-mapped addresses as IPv4")
    func distinct() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40099")
        let exporter = try RunningExporter(in: namespace)
        try namespace.listen("::", port: 8080)
        try namespace.openConnections(40, to: "127.0.0.1", port: 8080)
        try namespace.openConnections(7, to: "::ffff:127.0.0.1", port: 8080)
        try namespace.openConnections(30, to: "127.0.0.1", port: 8080, from: "127.0.0.2")
        try namespace.makeTimeWaits(20, .client, to: "::1", port: 8080)
        // Of these nothing is left at the client's end.
        try namespace.makeTimeWaits(10, .server, to: "127.0.0.9", port: 8080, from: "127.0.0.9")
        let page = try exporter.freshPage()
        let clients = try namespace.sockets().filter { $0.peerPort == 8080 }
        for (source, address, count) in [
            ("127.0.0.1", "127.0.0.1", 47), ("127.0.0.2", "127.0.0.1", 30), ("::1", "::1", 20),
        ] {
            let there = clients.filter { $0.localAddress == source && $0.peerAddress == address }
            #expect(there.count == count)
            let labels: KeyValuePairs = [
                "source_address": source, "destination_address": address, "destination_port": "8080",
            ]
            #expect(page.sum(used, labels) == Double(count))
        }
        #expect(page[most] == 47)
        // With the scrape's own.
        #expect(page["timewait_destinations"] == 4)
        #expect(!page.text.contains("destination_address=\"127.0.0.9\""))
    }

    @Test("The fullest destinations are found among 200,000 in bounded memory")
    func scattered() throws {
        let namespace = try NetworkNamespace()
        try namespace.output(of: "ip", ["route", "add", "local", "10.0.0.0/8", "dev", "lo"])
        try namespace.setSysctl("tcp_max_tw_buckets", "1000000")
        let exporter = try RunningExporter(in: namespace, ["--sockets.limit=0"])
        try namespace.listen("0.0.0.0", port: 8080)
        for address in 1...3 {
            try namespace.makeTimeWaits(1400 + 100 * address, .client, to: "127.0.0.\(address)", port: 8080)
        }
        let memory = "process_resident_memory_bytes"
        let before = try #require(try exporter.freshPage(within: 40)[memory])
        try namespace.scatterTimeWaits(200_000, port: 8080)
        let page = try exporter.freshPage(within: 60)
        let after = try #require(page[memory])
        #expect(after - before < 8 * 1024 * 1024, "\(before) \(after)")
        for address in 1...3 {
            let labels: KeyValuePairs = ["destination_address": "127.0.0.\(address)", "state": "time_wait"]
            #expect(page.sum(used, labels) == Double(1400 + 100 * address))
        }
        #expect(page[most] == 1700)
        #expect(page["timewait_destinations_estimated"] == 1)
        let timeWaits = Double(try namespace.sockets(.timeWait).count)
        let destinations = try #require(page["timewait_destinations"])
        #expect(abs(destinations - (timeWaits - 4800 + 4)) < 0.03 * timeWaits)
        #expect(page["timewait_omitted_destinations"] == destinations - 3)
        // One comes when no place is left, and an exporter that sees all of them at once.
        try namespace.makeTimeWaits(1800, .client, to: "127.0.0.4", port: 8080)
        let late = try RunningExporter(
            in: namespace,
            ["--sockets.limit=0", "--web.listen-address=:10058"],
            port: 10_058
        )
        for exporter in [exporter, late] {
            let page = try exporter.freshPage(within: 60)
            for address in 1...4 {
                let labels: KeyValuePairs = ["destination_address": "127.0.0.\(address)", "state": "time_wait"]
                #expect(page.sum(used, labels) == Double(1400 + 100 * address))
            }
            #expect(page[most] == 1800)
        }
    }
}
