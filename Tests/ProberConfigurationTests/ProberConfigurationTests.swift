import Foundation
import Prober
import ProberConfiguration
import Testing
import WebConfiguration

@Suite("The configuration file of the prober")
struct ProberConfigurationTests {
    private static func read(_ text: String, in folder: String = "dir") throws(Problem) -> ProberConfiguration {
        try ProberConfiguration(path: "\(folder)/prober.yml", text: Array(text.utf8))
    }

    @Test("A file with everything that it can say is read")
    func everything() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("-----BEGIN CERTIFICATE-----\n".utf8).write(to: folder.appending(path: "ca.pem"))
        let configuration = try Self.read(
            """
            modules:
              health:
                probe: http
                interval: 1s
                jitter: 25%
                back_off_limit: 30s
                timeout: 4s
                connect_timeout: 1s
                first_byte_timeout: 2500ms
                keep: false
                close: orderly
                http:
                  method: HEAD
                  path: /healthz
                  status: [200, 300-399]
                  body_limit: 100
                  tls: { ca_file: ca.pem, server_name: web.example, insecure_skip_verify: true }
              alive:
                probe: tcp
            targets:
              - module: health
                targets: [https://10.0.0.1:8443, web-1:80]
              - module: listen
                targets: [22]
            listeners:
              module: alive
              include: 80,8000-8999
              exclude: 8080
            """,
            in: folder.path
        )
        let health = try #require(configuration.modules.first { $0.name == "health" })
        #expect(health.interval == .seconds(1))
        #expect(health.jitter == 0.25)
        #expect(health.backOffLimit == .seconds(30))
        #expect(health.timeout == .seconds(4))
        #expect(health.connectTimeout == .seconds(1))
        #expect(health.firstByteTimeout == .milliseconds(2500))
        #expect(!health.isKept)
        #expect(health.closing == .orderly)
        guard case .http(let http) = health.kind else {
            Issue.record("health is no module of HTTP")
            return
        }
        #expect(http.method == .head)
        #expect(http.path == "/healthz")
        #expect(http.status == [200...200, 300...399])
        #expect(http.bodyLimit == 100)
        #expect(http.tls.authorities == "\(folder.path)/ca.pem")
        #expect(http.tls.serverName == "web.example")
        #expect(http.tls.isInsecure)
        #expect(configuration.targets.map(\.name) == ["https://10.0.0.1:8443", "web-1:80", "22"])
        #expect(configuration.targets.map(\.module.name) == ["health", "health", "listen"])
        let listeners = try #require(configuration.listeners)
        #expect(listeners.module.kind == .tcp)
        #expect(listeners.included?.contains(8000) == true)
        #expect(listeners.excluded.contains(8080))
    }

    @Test("An empty file has the modules that need no configuration, and no targets")
    func empty() throws {
        let configuration = try Self.read("")
        #expect(configuration.modules == ProbeModule.builtIn)
        #expect(configuration.targets.isEmpty)
        #expect(configuration.listeners == nil)
    }

    @Test("A module of the file takes the place of one that needs no configuration")
    func replaced() throws {
        let configuration = try Self.read("modules: { tcp: { probe: tcp, interval: 3s } }")
        #expect(configuration.modules.filter { $0.name == "tcp" }.map(\.interval) == [.seconds(3)])
    }

    @Test(
        "What is wrong is said with file, line, key and what would be right",
        arguments: [
            ("module: {}", "dir/prober.yml:1: module: unknown key; expected one of modules, targets, listeners"),
            ("modules:\n  a: {}", "dir/prober.yml:2: modules.a: missing probe; expected probe: listen, tcp or http"),
            ("modules:\n  a:\n    probe: icmp", "dir/prober.yml:3: modules.a.probe: unknown probe \"icmp\""),
            ("modules: { a: { probe: tcp, interval: 5 } }", "dir/prober.yml:1: modules.a.interval: the number"),
            ("modules: { a: { probe: tcp, interval: 0 } }", "modules.a.interval: out of bounds; expected"),
            ("modules: { a: { probe: tcp, interval: 2h } }", "expected a duration from 100ms to 1h"),
            ("modules: { a: { probe: tcp, jitter: 10 } }", "modules.a.jitter: expected a percentage from 0% to 100%"),
            ("modules: { a: { probe: tcp, close: reset } }", "expected one of orderly, without-time-wait"),
            ("modules: { a: { probe: tcp, http: {} } }", "settings of HTTP have no effect with probe: tcp"),
            ("modules: { a: { probe: http, http: { status: [600] } } }", "modules.a.http.status[0]: expected a status"),
            ("modules: { a: { probe: http, http: { status: [] } } }", "no status is listed"),
            ("modules: { a: { probe: http, http: { path: x } } }", "expected a path that begins with /"),
            ("modules: { a: { probe: http, http: { method: POST } } }", "unknown method \"POST\"; expected one of GET"),
            ("targets:\n  - targets: [a]", "dir/prober.yml:2: targets[0]: missing module"),
            ("targets:\n  - module: tcp", "dir/prober.yml:2: targets[0]: missing targets"),
            (
                "targets:\n  - module: no\n    targets: []",
                "targets[0].module: unknown module \"no\"; expected one of http"
            ),
            (
                "targets:\n  - module: tcp\n    targets: [x]",
                "dir/prober.yml:3: targets[0].targets[0]: the target \"x\""
            ),
            ("listeners: {}", "dir/prober.yml:1: listeners: missing module"),
            (
                "listeners: { module: tcp, include: 80-70 }",
                "dir/prober.yml:1: listeners.include: character 1: the range 80-70 runs backwards"
            ),
            ("listeners:\n  module: tcp\n  include: 0", "dir/prober.yml:3: listeners.include: port 0 is out of range"),
            (
                "listeners:\n  module: tcp\n  exclude: 0-80",
                "dir/prober.yml:3: listeners.exclude: port 0 is out of range"
            ),
            (
                "modules: { a: { probe: http, http: { tls: { ca_file: none.pem } } } }",
                "dir/prober.yml:1: modules.a.http.tls.ca_file: cannot read \"dir/none.pem\""
            ),
            ("\tx", "dir/prober.yml:1: not YAML"),
        ]
    )
    func refused(text: String, message: String) {
        let problem = #expect(throws: Problem.self) { try Self.read(text) }
        let said = problem.map { "\($0)" } ?? ""
        #expect(said.contains(message), "\(said)")
    }
}
