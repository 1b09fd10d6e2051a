import Foundation
import Namespaces
import Testing

@Suite("A service port", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct ServicePortTests {
    private func held(_ page: MetricsPage, _ port: Int, _ holder: String) -> Double? {
        page["timewait_service_port_held_sockets", ["port": "\(port)", "holder": holder]]
    }

    private func free(_ page: MetricsPage, _ port: Int) -> Double? {
        page["timewait_service_port_free_timestamp_seconds", ["port": "\(port)"]]
    }

    @Test("A port without a listener is held by the earlier connections of its own service")
    func own() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40999")
        // Before the exporter, whose scrape would else take the port now and then.
        try namespace.listen("0.0.0.0", port: 40_500)
        let exporter = try RunningExporter(in: namespace, ["--services.ports=40500"])
        let before = try exporter.freshPage()
        #expect(before["timewait_service_port_listening", ["port": "40500"]] == 1)
        #expect(held(before, 40_500, "own") == 0 && held(before, 40_500, "other") == 0 && free(before, 40_500) == nil)
        #expect(before["timewait_service_port_bindable", ["port": "40500", "binder": "plain"]] == nil)
        // Accepted and, where the server closes first, ended within the last interval: no reading
        // need have seen them.
        try namespace.openConnections(3, port: 40_500)
        let begin = Date().timeIntervalSince1970
        try namespace.makeTimeWaits(4, .server, port: 40_500)
        let end = Date().timeIntervalSince1970
        try namespace.unlisten("0.0.0.0", port: 40_500)
        let page = try exporter.freshPage()
        #expect(page["timewait_service_port_listening", ["port": "40500"]] == 0)
        #expect(held(page, 40_500, "own") == 7 && held(page, 40_500, "other") == 0)
        #expect(free(page, 40_500) == .infinity)
        #expect(page["timewait_ephemeral_ports_usable"] == 999, "connect() passes it over")
        try namespace.resetConnections()
        let later = try exporter.freshPage()
        #expect(held(later, 40_500, "own") == 4)
        let moment = try #require(free(later, 40_500))
        #expect(moment > begin + 59 && moment < end + 66)
    }

    @Test("A held port distinguishes connections from remote clients from those to remote services")
    func remote() throws {
        let namespace = try NetworkNamespace()
        let other = try NetworkNamespace(beside: namespace)
        _ = try namespace.connect(to: other, here: "10.9.0.1/24", there: "10.9.0.2/24")
        try namespace.setSysctl("ip_local_port_range", "40000 40999")
        for port in [8080, 40_100] { try other.listen("10.9.0.2", port: port) }
        for port in 40_500...40_503 { try namespace.listen("0.0.0.0", port: port) }
        let exporter = try RunningExporter(in: namespace, ["--services.ports=40500-40503"])
        _ = try exporter.freshPage()
        func goOut(to port: Int, from sourcePort: Int) throws {
            try namespace.dialConnections(1, to: "10.9.0.2", port: port, sourcePort: sourcePort)
            try other.acceptConnections(1, port: port)
        }
        try namespace.unlisten("0.0.0.0", port: 40_503)
        _ = try exporter.freshPage()
        // All within one interval, or nearly so: no reading need have seen them while the services
        // listened.
        try other.dialConnections(3, to: "10.9.0.1", port: 40_500)
        try namespace.acceptConnections(3, port: 40_500)
        try other.makeTimeWaits(2, .server, at: namespace, "10.9.0.1", port: 40_500)
        for port in 40_500...40_502 { try namespace.unlisten("0.0.0.0", port: port) }
        try goOut(to: 8080, from: 40_501)
        try goOut(to: 40_100, from: 40_502)
        try goOut(to: 40_100, from: 40_503)
        let page = try exporter.freshPage()
        #expect(held(page, 40_500, "own") == 5 && held(page, 40_500, "other") == 0)
        #expect(held(page, 40_501, "own") == 0 && held(page, 40_501, "other") == 1)
        // The port there lies in the ephemeral range, as a client's would: not to be told, where it
        // comes so soon.
        #expect(page.sum("timewait_service_port_held_sockets", ["port": "40502"]) == 1)
        #expect(held(page, 40_503, "own") == 0 && held(page, 40_503, "other") == 1)
    }

    @Test(
        "A reserved port has series while a connection holds it and nothing listens, up to the limit"
    )
    func reserved() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_reserved_ports", "8000,40000-40009")
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.listen("0.0.0.0", port: 40_009)
        let exporter = try RunningExporter(in: namespace, ["--services.limit=2"])
        try namespace.openConnections(3, port: 8080, sourcePort: 40_001)
        try namespace.openConnections(1, port: 8080, sourcePort: 8000)
        let page = try exporter.freshPage()
        let family = "timewait_service_port_listening"
        #expect(page[family, ["port": "40001"]] == 0 && page[family, ["port": "40002"]] == 0)
        #expect(page.text.split(separator: "\n").count { $0.hasPrefix(family) } == 2)
        #expect(page["timewait_omitted_service_ports"] == 1)
        #expect(held(page, 40_001, "other") == 1 && free(page, 40_001) == .infinity)
        try namespace.resetConnections()
        let later = try exporter.freshPage()
        #expect(!later.text.contains(family + "{") && later["timewait_omitted_service_ports"] == 0)
    }

    @Test("A port used by an outgoing connection is held by others and free at the reported time")
    func taken() throws {
        let namespace = try NetworkNamespace()
        // The connection that fetches the page is an outgoing one, too.
        try namespace.setSysctl("ip_local_port_range", "41000 41999")
        let ports = Array(stride(from: 40_500, to: 40_540, by: 2))
        try namespace.listen("0.0.0.0", port: 8080)
        for port in ports { try namespace.listen("0.0.0.0", port: port) }
        let exporter = try RunningExporter(in: namespace, ["--services.ports=40500-40540"])
        #expect(try exporter.freshPage().sum("timewait_service_port_listening") == 20)
        for port in ports {
            try namespace.unlisten("0.0.0.0", port: port)
            if port < 40_520 {
                try namespace.openConnections(1, port: 8080, sourcePort: port)
            } else {
                // connect() itself comes upon it.
                try namespace.setSysctl("ip_local_port_range", "\(port) \(port)")
                #expect(try namespace.attemptConnection(port: 8080) == 0)
            }
        }
        try namespace.setSysctl("ip_local_port_range", "41000 41999")
        let taken = try exporter.freshPage()
        for port in ports {
            #expect(held(taken, port, "other") == 1 && held(taken, port, "own") == 0 && free(taken, port) == .infinity)
            #expect(taken["timewait_service_port_bindable", ["port": "\(port)", "binder": "reuse_address"]] == 0)
        }
        try namespace.closeConnections(20, .client)
        let closed = try exporter.freshPage()
        for port in ports {
            #expect(held(closed, port, "other") == 1)
            #expect(try namespace.tryBinding("0.0.0.0", port: port, reuseAddress: true) == Int(EADDRINUSE))
        }
        for port in ports {
            let moment = try #require(free(closed, port))
            #expect(moment < Date().timeIntervalSince1970 + 66)
            while Date().timeIntervalSince1970 < moment { usleep(20_000) }
            #expect(try namespace.tryBinding("0.0.0.0", port: port, reuseAddress: false) == 0, "port \(port)")
        }
        let after = try exporter.freshPage()
        #expect(after.sum("timewait_service_port_held_sockets") == 0)
        #expect(after.sum("timewait_service_port_bindable", ["binder": "plain"]) == 41)
    }
}
