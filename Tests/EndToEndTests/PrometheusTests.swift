import Foundation
import Namespaces
import Testing

/// Why these tests cannot run here.
private let obstacle =
    NetworkNamespace.support
    ?? (Prometheus.isInstalled ? nil : "prometheus and promtool are not on PATH; `make test` fetches them")

@Suite(
    "Prometheus",
    .enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? "")),
    .serialized
)
struct PrometheusTests {
    @Test("promtool finds no problem in the page")
    func promtool() throws {
        let namespace = try NetworkNamespace()
        let exporter = try RunningExporter(in: namespace)
        try namespace.listen(port: 8080)
        try namespace.makeTimeWaits(5, .server, port: 8080)
        let file = NSTemporaryDirectory() + "timewait_exporter_\(UUID().uuidString).txt"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data(try exporter.freshPage().text.utf8).write(to: URL(filePath: file))
        let command = "'\(try Executable.built("timewait_exporter"))' metrics | promtool check metrics"
        for script in ["promtool check metrics < \(file)", command] {
            let check = try namespace.run("sh", ["-c", script])
            #expect(check.status == 0)
            #expect(check.standardOutput.isEmpty && check.standardError.isEmpty)
        }
    }

    @Test("Prometheus scrapes the exporter and answers queries for the TIME_WAIT counts")
    func scrape() throws {
        let namespace = try NetworkNamespace()
        _ = try namespace.listen(port: 8080)
        try namespace.makeTimeWaits(100, .server, port: 8080)
        try namespace.makeTimeWaits(200, .client, port: 8080)
        let exporter = try RunningExporter(in: namespace)
        let prometheus = try Prometheus(in: namespace, scraping: 10_057)

        try poll("the target is up") { try prometheus.query("up{job=\"timewait\"}") == 1 }
        try poll("a TIME_WAIT is seen") { try prometheus.query("sum(timewait_sockets)") == 300 }
        let listen = try namespace.listeners().count
        let ratio = """
            sum without(family, state) (timewait_table_sockets{state="time_wait"}) \
            / sum without(family, state) (timewait_table_sockets{state="listen"})
            """
        #expect(try prometheus.query(ratio) == 300 / Double(listen))
        #expect(
            try prometheus.query(
                "sum without(role, peer) (timewait_port_sockets{port=\"8080\"}) / (timewait_port_listeners > 0)"
            ) == 300
        )
        #expect(try prometheus.query("count(timewait_table_sockets{state!=\"bound_inactive\"})") == 22)
        let ownPort = try exporter.freshPage().sum("timewait_port_sockets", ["port": "10057"])
        #expect(ownPort == 0, "Prometheus' scrapes leave no TIME_WAIT on the exporter's port")
    }

    @Test("Prometheus answers every query of the contract with the correct number")
    func contract() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("ip_local_port_range", "40000 40999")
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.listen("0.0.0.0", port: 40_500)
        let exporter = try RunningExporter(in: namespace, ["--services.ports=40501"])
        // The first entries show what the kernel's counter counts.
        try namespace.makeTimeWaits(5, .client, port: 8080)
        try poll("both counters are there") {
            let page = try exporter.page()
            return page["timewait_entries_total"] == 5 && page.sum("timewait_observed_total") == 5
        }
        let prometheus = try Prometheus(in: namespace, scraping: 10_057)
        try poll("the target is up") { try prometheus.query("up{job=\"timewait\"}") == 1 }
        try namespace.makeTimeWaits(445, .client, port: 8080)
        try namespace.openConnections(60, port: 8080)
        try namespace.openConnections(1, port: 8080, sourcePort: 40_501)
        _ = try exporter.freshPage()
        let sockets = try namespace.sockets()
        let listeners = try namespace.listeners()
        try poll("it has been scraped") { try prometheus.query("sum(timewait_sockets)") == 450 }

        func results(_ expression: String) throws -> [String: Double] {
            Dictionary(uniqueKeysWithValues: try prometheus.results(of: expression).map { ($0.port ?? "", $0.value) })
        }
        let perListener = """
            sum without(family, state) (timewait_table_sockets{state="time_wait"}) \
            / sum without(family, state) (timewait_table_sockets{state="listen"}) > 10
            """
        #expect(try prometheus.query(perListener) == 450 / Double(listeners.count))
        let perPort = "sum without(role, peer) (timewait_port_sockets) / (timewait_port_listeners > 0)"
        let byPort = Dictionary(uniqueKeysWithValues: Set(listeners.map(\.localPort)).map { ("\($0)", 0.0) })
        #expect(try results(perPort) == byPort.merging(["8080": 450]) { $1 })
        // One of the services is dialed: no scan.
        let scan = """
            max_over_time(timewait_dialed_listening_ports_peak[15m]) \
            / sum without(exposure) (timewait_listening_ports)
            """
        #expect(try prometheus.query(scan) == 1 / Double(byPort.count))
        #expect(try prometheus.query(scan + " > 0.5") == nil)
        let worst = sockets.count { $0.peerPort == 8080 }
        let share = "timewait_destination_ports_used_max / timewait_ephemeral_ports_usable > 0.5"
        #expect(try prometheus.query(share + " or timewait_ephemeral_ports_usable == 0") == Double(worst) / 999)
        #expect(try prometheus.query("timewait_listening_ports{exposure=\"exposed\"} > 0") == 1)
        let exposed = "timewait_port_exposed == 1 and timewait_port_collision_ratio > 0.01"
        #expect(try results(exposed) == ["40500": 1])
        #expect(try results("timewait_service_port_held_sockets{holder=\"other\"} > 0") == ["40501": 1])
        // A rate wants the beginnings to lie between two scrapes.
        try poll("the rate is known") {
            try results("sum without(role, peer) (rate(timewait_port_entries_total[5m]))")["8080"] ?? 0 > 0
        }
        let coverage = """
            sum without(role, peer) (rate(timewait_observed_total[5m])) / rate(timewait_entries_total[5m])
            """
        // A scrape may have come between the reading of the one and of the other.
        try poll("every beginning was seen") { abs((try prometheus.query(coverage) ?? 0) - 1) < 1e-9 }
        // A client dials the other services too, but for one.
        try namespace.makeTimeWaits(1, .client, port: 40_500)
        try namespace.disconnect(port: 10_057)
        try poll("the scan is seen") { try prometheus.query(scan + " > 0.5") == 3 / Double(byPort.count) }
        try namespace.setSysctl("ip_local_reserved_ports", "40000-40999")
        try poll("nothing is usable") {
            try prometheus.query(share + " or timewait_ephemeral_ports_usable == 0") == 0
        }
    }
}

/// A real Prometheus inside a namespace, which scrapes once a second.
private struct Prometheus {
    private static let port = 9091
    private let namespace: NetworkNamespace
    private let program: RunningProgram
    private let folder: Folder

    static var isInstalled: Bool {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return ["prometheus", "promtool"].allSatisfy { name in
            path.split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
        }
    }

    init(in namespace: NetworkNamespace, scraping port: Int) throws {
        self.namespace = namespace
        folder = try Folder()
        let configuration = """
            global: { scrape_interval: 1s, scrape_timeout: 1s }
            scrape_configs:
            - job_name: timewait
              static_configs: [ { targets: [ "127.0.0.1:\(port)" ] } ]
            """
        let file = folder.path + "/prometheus.yml"
        try Data(configuration.utf8).write(to: URL(filePath: file))
        program = try namespace.start(
            "prometheus",
            [
                "--config.file=\(file)", "--storage.tsdb.path=\(folder.path)/data", "--log.level=warn",
                "--web.listen-address=127.0.0.1:\(Self.port)",
            ]
        )
        try namespace.waitForListener("127.0.0.1", port: Self.port)
    }

    /// The value of an expression that has one; nil where it has none, or several.
    func query(_ expression: String) throws -> Double? {
        let results = try results(of: expression)
        return results.count == 1 ? results.first?.value : nil
    }

    /// The values of an expression, by the label `port` where there is one.
    func results(of expression: String) throws -> [(port: String?, value: Double)] {
        struct Answer: Decodable {
            struct Data: Decodable { let result: [Result] }
            struct Result: Decodable {
                let metric: [String: String]
                let value: [Value]
            }
            enum Value: Decodable {
                case number(Double), text(String)

                init(from decoder: any Decoder) throws {
                    let container = try decoder.singleValueContainer()
                    self = try (try? .number(container.decode(Double.self))) ?? .text(container.decode(String.self))
                }
            }
            let data: Data
        }
        let query = try #require(expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let page = try namespace.get("/api/v1/query?query=\(query)", port: Self.port)
        // It says so while it starts.
        if page.status == 503 { return [] }
        try #require(page.status == 200, "\(expression): \(page.text)")
        return try JSONDecoder().decode(Answer.self, from: Data(page.body)).data.result.compactMap { result in
            guard case .text(let text)? = result.value.last, let value = Double(text) else { return nil }
            return (result.metric["port"], value)
        }
    }
}

/// A folder that is gone when the test is over.
private final class Folder {
    let path = NSTemporaryDirectory() + "timewait_exporter_\(UUID().uuidString)"

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
