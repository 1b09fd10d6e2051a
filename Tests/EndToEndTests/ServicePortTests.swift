import Foundation
import Namespaces
import Testing

@Suite("A service's port", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct ServicePortTests {
    private func held(_ page: MetricsPage, _ port: Int, _ holder: String) -> Double? {
        page["timewait_service_port_held_sockets", ["port": "\(port)", "holder": holder]]
    }

    private func free(_ page: MetricsPage, _ port: Int) -> Double? {
        page["timewait_service_port_free_timestamp_seconds", ["port": "\(port)"]]
    }

    @Test("is held by the service's own old connections, not by others, when the service is gone")
    func own() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40999")
        let exporter = try RunningExporter(in: namespace, ["--services.ports=40500"])
        try namespace.listen("0.0.0.0", port: 40_500)
        let before = try exporter.freshPage()
        #expect(before["timewait_service_port_listening", ["port": "40500"]] == 1)
        #expect(held(before, 40_500, "own") == 0 && held(before, 40_500, "other") == 0 && free(before, 40_500) == nil)
        #expect(before["timewait_service_port_bindable", ["port": "40500", "binder": "plain"]] == nil)
        // Accepted and, where the server closes first, ended within the last interval: no reading need have seen them.
        try namespace.openConnections(3, port: 40_500)
        try namespace.makeTimeWaits(4, .server, port: 40_500)
        try namespace.unlisten("0.0.0.0", port: 40_500)
        let page = try exporter.freshPage()
        #expect(page["timewait_service_port_listening", ["port": "40500"]] == 0)
        #expect(held(page, 40_500, "own") == 7 && held(page, 40_500, "other") == 0)
        #expect(free(page, 40_500) == .infinity)
        #expect(page["timewait_ephemeral_ports_usable"] == 999, "connect() passes it over")
        try namespace.resetConnections()
        let later = try exporter.freshPage()
        #expect(held(later, 40_500, "own") == 4)
        let moment = try #require(free(later, 40_500)) - Date().timeIntervalSince1970
        #expect(moment > 50 && moment < 65)
    }

    @Test("that an outgoing connection took is held by others; and is free when it says so, every time of twenty")
    func taken() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40999")
        let ports = Array(stride(from: 40_500, to: 40_540, by: 2))
        let exporter = try RunningExporter(in: namespace, ["--services.ports=40500-40540"])
        try namespace.listen("0.0.0.0", port: 8080)
        for port in ports { try namespace.listen("0.0.0.0", port: port) }
        #expect(try exporter.freshPage().sum("timewait_service_port_listening") == 20)
        for port in ports {
            try namespace.unlisten("0.0.0.0", port: port)
            try namespace.openConnections(1, port: 8080, sourcePort: port)
        }
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
