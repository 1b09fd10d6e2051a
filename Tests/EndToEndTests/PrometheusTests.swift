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
    @Test("finds nothing to criticise in the page")
    func promtool() throws {
        let namespace = try NetworkNamespace()
        let exporter = try RunningExporter(in: namespace)
        try namespace.listen(port: 8080)
        try namespace.makeTimeWaits(5, .server, port: 8080)
        let file = NSTemporaryDirectory() + "timewait_exporter_\(UUID().uuidString).txt"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data(try exporter.freshPage().text.utf8).write(to: URL(filePath: file))
        let check = try namespace.run("sh", ["-c", "promtool check metrics < \(file)"])
        #expect(check.status == 0)
        #expect(check.standardOutput.isEmpty && check.standardError.isEmpty)
    }

    @Test("scrapes it, and answers what the project is about")
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

    /// The value of an expression that has one; nil where it has none.
    func query(_ expression: String) throws -> Double? {
        struct Answer: Decodable {
            struct Data: Decodable { let result: [Result] }
            struct Result: Decodable { let value: [Value] }
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
        guard page.status == 200 else { return nil }
        let results = try JSONDecoder().decode(Answer.self, from: Data(page.body)).data.result
        guard results.count == 1, case .text(let value)? = results.first?.value.last else { return nil }
        return Double(value)
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
