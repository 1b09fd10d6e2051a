import Foundation
import Namespaces
import Testing

@Suite(
    "The sources of the socket table",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct SourceTests {
    let namespace: NetworkNamespace

    init() throws {
        namespace = try NetworkNamespace()
    }

    /// Series that only sock_diag has: what is read of it beside the table, and what only it gives
    /// of the table.
    private static let onlySockDiag = [
        "collector=\"listeners\"", "collector=\"bound_sockets\"", "state=\"bound_inactive\"",
        "timewait_port_accept_queue_limit",
    ]

    /// Families whose values differ by what they are: the source itself, and the process that says
    /// them.
    private static let different = [
        "timewait_sampler_source_info", "timewait_sampler_last_success_timestamp_seconds",
        "timewait_sampler_duration_seconds", "timewait_sampler_cpu_seconds_total",
        "timewait_exporter_http_requests_total",
        "process_",
    ]

    /// The lines of a page that are the same over both sources.
    private func comparable(_ page: MetricsPage) -> [String] {
        page.text.split(separator: "\n").map(String.init).filter { line in
            !line.hasPrefix("#") && !Self.onlySockDiag.contains(where: line.contains)
                && !Self.different.contains { line.hasPrefix($0) }
        }
    }

    @Test("Both sources give identical values for an unchanged table")
    func identical() throws {
        try namespace.addAddress("10.9.9.1/32")
        for (address, port) in [("0.0.0.0", 8080), ("::", 7070), ("::1", 6060), ("10.9.9.1", 40_000)] {
            try namespace.listen(address, port: port)
        }
        try namespace.makeTimeWaits(300, .server, port: 8080)
        try namespace.makeTimeWaits(200, .client, to: "10.9.9.1", port: 8080)
        try namespace.makeTimeWaits(70, .server, port: 7070)
        try namespace.makeTimeWaits(50, .client, to: "::1", port: 7070)
        try namespace.makeTimeWaits(30, .server, to: "::1", port: 6060)
        try namespace.openConnections(4, to: "127.0.0.1", port: 8080)
        try namespace.halfCloseConnections(2)
        let (diag, procfs) = (
            try RunningExporter(in: namespace, ["--sampler.source=sock_diag"]),
            try RunningExporter(
                in: namespace,
                ["--sampler.source=procfs", "--web.listen-address=:10058"],
                port: 10_058
            )
        )
        // Both have their kept connection before either is read for good.
        _ = try (diag.page(), procfs.page())
        var (before, other, after) = (try diag.freshPage(), try procfs.freshPage(), try diag.freshPage())
        // On a busy machine a connection of the set-up may still end between two readings.
        for _ in 1...5 where comparable(before) != comparable(after) {
            (before, other, after) = (after, try procfs.freshPage(), try diag.freshPage())
        }
        #expect(before["timewait_sampler_source_info", ["source": "sock_diag"]] == 1)
        #expect(other["timewait_sampler_source_info", ["source": "procfs"]] == 1)
        #expect(before.sum("timewait_sockets") == 650)
        let (expected, found) = (Set(comparable(before)), Set(comparable(other)))
        #expect(expected == Set(comparable(after)), "The table kept changing.")
        #expect(found.subtracting(expected).sorted() == [])
        #expect(expected.subtracting(found).sorted() == [])
    }

    @Test("The default source is sock_diag, and the log reports it")
    func auto() throws {
        let exporter = try RunningExporter(in: namespace)
        #expect(try exporter.page()["timewait_sampler_source_info", ["source": "sock_diag"]] == 1)
        #expect(exporter.program.standardError.contains("msg=\"Reading the socket table\" source=sock_diag"))
    }

    /// An exporter with system calls that strace lets fail.
    ///
    /// - Parameters:
    ///   - trace: the file that gets a line for each call of that name, with its time behind the
    ///     process.
    ///   - interval: how often it reads the table.
    private func startExporter(
        injecting faults: String...,
        trace: String = "/dev/null",
        interval: String = "1s"
    ) throws -> RunningProgram {
        let strace = ["strace", "-qq", "-f", "-ttt", "-o", trace]
        let injections = faults.flatMap { ["-e", "inject=" + $0] }
        let exporter = [try Executable.built("timewait_exporter"), "--web.listen-address=127.0.0.1:10057"]
        // A strace that is killed leaves its program running, but not beyond the process namespace
        // whose first it is.
        let alone = ["--pid", "--fork", "--kill-child"]
        // strace makes each reading dear, and it has to keep its interval.
        let rhythm = ["--sampler.interval=\(interval)", "--sampler.cpu-limit=100"]
        let command = alone + strace + injections + exporter + rhythm
        let program = try namespace.start("unshare", command)
        try namespace.waitForListener("127.0.0.1", port: 10_057)
        return program
    }

    @Test("The exporter falls back to procfs without sock_diag and logs the reason once")
    func fallBack() throws {
        try namespace.listen(port: 8080)
        try namespace.makeTimeWaits(7, .server, port: 8080)
        // A sandbox without AF_NETLINK: every socket after the one that the exporter listens on is
        // refused. strace counts the calls of each thread, and that which reads addresses makes one
        // socket only: there its use is refused.
        let program = try startExporter(
            injecting: "socket:error=EAFNOSUPPORT:when=2+",
            "sendto:error=EAFNOSUPPORT"
        )
        let page = { MetricsPage(try namespace.get("/metrics", port: 10_057).text) }
        try poll("the table is read") { try page()["timewait_sampler_source_info", ["source": "procfs"]] == 1 }
        try poll("it is read again") { try page().sum("timewait_sockets") == 7 }
        usleep(1_500_000)
        let lines = program.standardError.split(separator: "\n").filter { $0.contains("level=WARN") }
        #expect(lines.count == 2)
        for call in ["sock_diag: socket", "rtnetlink: send"] {
            let reason = "\(call): Address family not supported by protocol"
            #expect(lines.count { $0.contains(reason) } == 1, "\(lines)")
        }
        #expect(try page()["timewait_sampler_success", ["collector": "local_addresses"]] == 1)
        #expect(!program.standardError.contains("level=ERROR"))
    }

    @Test("The counters of what only sock_diag gives go on after a fallback to procfs")
    func countersLast() throws {
        try namespace.listen(port: 8080)
        // Of each thread enough failures for each thing that may be read meanwhile, few enough to
        // be over after a retry or two.
        let program = try startExporter(injecting: "recvfrom:error=ENOBUFS:when=60..62", interval: "2s")
        // The threads that serve have these failures, too.
        func page() throws -> MetricsPage {
            for _ in 0..<3 {
                if let page = try? namespace.get("/metrics", port: 10_057) { return MetricsPage(page.text) }
            }
            return MetricsPage(try namespace.get("/metrics", port: 10_057).text)
        }
        let source = "timewait_sampler_source_info"
        let (seconds, success) = ("timewait_sampler_cpu_seconds_total", "timewait_sampler_success")
        let collectors = ["listeners", "bound_sockets"]
        var before: [String: Double] = [:]
        var last = try page()
        func look() throws -> MetricsPage {
            last = try page()
            for collector in collectors {
                let value = last[seconds, ["collector": collector]]
                if let known = before[collector] { #expect(value ?? 0 >= known, "\(collector)") }
                before[collector] = value ?? before[collector]
            }
            return last
        }
        try poll("both are read") {
            _ = try look()
            return before.count == 2
        }
        try poll("procfs is read", within: 60) { try look()[source, ["source": "procfs"]] == 1 }
        for collector in collectors { #expect(last[success, ["collector": collector]] == nil, "\(collector)") }
        try poll("sock_diag is read again", within: 120) { try look()[source, ["source": "sock_diag"]] == 1 }
        try poll("listeners are read again") { try look()[success, ["collector": "listeners"]] == 1 }
        #expect(program.standardError.contains("No buffer space available"))
    }

    @Test("The exporter retries a refused sock_diag after 10 seconds, and then less often")
    func refusals() throws {
        let trace = NSTemporaryDirectory() + "timewait_exporter_trace_\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: trace) }
        let program = try startExporter(injecting: "socket:error=EACCES:when=2+", trace: trace)
        /// When sock_diag was tried, in seconds: judged by what strace saw, however late this test
        /// looks.
        let tries = {
            try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
                .filter { $0.contains("NETLINK_SOCK_DIAG") }
                .map { try #require($0.split(separator: " ").dropFirst().first.flatMap { Double($0) }) }
        }
        // One try at the start and one for the first reading; then the table is read every second.
        try poll("procfs is read") { try tries().count >= 2 }
        try poll("sock_diag is tried again", within: 20) { try tries().count >= 3 }
        sleep(6)
        let times = try tries()
        #expect(times[2] - times[1] > 8)
        #expect(times.dropFirst(3).allSatisfy { $0 - times[2] > 18 }, "\(times)")
        let page = MetricsPage(try namespace.get("/metrics", port: 10_057).text)
        #expect(page["timewait_sampler_source_info", ["source": "procfs"]] == 1)
        let lines = program.standardError.split(separator: "\n")
        #expect(lines.count { $0.contains("sock_diag: socket: Permission denied") } == 1)
    }

    @Test("A later failure of sock_diag drops the collectors that require it")
    func laterFallBack() throws {
        // The first requests are answered, the later ones refused.
        let program = try startExporter(injecting: "sendto:error=ENOBUFS:when=12+")
        let page = { MetricsPage(try namespace.get("/metrics", port: 10_057).text) }
        let success = "timewait_sampler_success"
        try poll("sock_diag answers") { try page()[success, ["collector": "bound_sockets"]] == 1 }
        try poll("procfs is read") { try page()["timewait_sampler_source_info", ["source": "procfs"]] == 1 }
        #expect(try page()[success, ["collector": "bound_sockets"]] == nil)
        #expect(try page()[success, ["collector": "listeners"]] == nil)
        #expect(try page()[success, ["collector": "socket_table"]] == 1)
        #expect(program.standardError.contains("sock_diag: send: No buffer space available"))
    }

    @Test("The sources differ for an IPv6-only listener, which procfs does not mark")
    func v6Only() throws {
        try namespace.listen("::", port: 7070, .init(v6only: true))
        try namespace.listen("0.0.0.0", port: 7071)
        // A service that is gone, whose port an IPv6-only one has now.
        try namespace.listen("127.0.0.1", port: 7072)
        try namespace.makeTimeWaits(5, .server, port: 7072)
        try namespace.unlisten("127.0.0.1", port: 7072)
        try namespace.listen("::", port: 7072, .init(v6only: true))
        let exporter = try RunningExporter(in: namespace)
        let page = try exporter.freshPage()
        #expect(page["timewait_port_sockets", ["port": "7072", "role": "server", "peer": "local"]] == 0)
        #expect(page["timewait_sockets", ["role": "other", "peer": "local"]] == 5)
    }

    @Test(
        "The sources differ for a bound socket that neither listens nor is connected, which procfs hides"
    )
    func boundSockets() throws {
        try namespace.bind("127.0.0.1", port: 40_005)
        try namespace.bind("::1", port: 40_007)
        let (diag, procfs) = (
            try RunningExporter(in: namespace, ["--sampler.source=sock_diag"]),
            try RunningExporter(
                in: namespace,
                ["--sampler.source=procfs", "--web.listen-address=:10058"],
                port: 10_058
            )
        )
        let (first, second) = (try diag.freshPage(), try procfs.freshPage())
        #expect(first["timewait_table_sockets", ["family": "ipv4", "state": "bound_inactive"]] == 1)
        #expect(first["timewait_table_sockets", ["family": "ipv6", "state": "bound_inactive"]] == 1)
        #expect(first["timewait_ephemeral_ports_usable"] == 28_230)
        #expect(!second.text.contains("bound_inactive"))
        #expect(second["timewait_ephemeral_ports_usable"] == 28_232)
    }

    @Test(
        "Over sock_diag, listener metrics are updated every second between two readings of the table"
    )
    func listeners() throws {
        try namespace.listen("127.0.0.1", port: 8080, .init(backlog: 8))
        let exporter = try RunningExporter(in: namespace, interval: "30s")
        let read = { (page: MetricsPage) in
            page["timewait_sampler_last_success_timestamp_seconds", ["collector": "socket_table"]]
        }
        let before = try exporter.page()
        #expect(before["timewait_port_accept_queue", ["port": "8080"]] == 0)
        try namespace.listen("127.0.0.1", port: 40_001)
        try namespace.dialConnections(3, to: "127.0.0.1", port: 8080)
        try poll("the accept queue is seen") {
            try exporter.page()["timewait_port_accept_queue", ["port": "8080"]] == 3
        }
        let after = try exporter.page()
        #expect(after["timewait_listening_ports", ["exposure": "exposed"]] == 1)
        #expect(after.sum("timewait_table_sockets", ["state": "listen"]) == 3)
        #expect(after["timewait_sampler_success", ["collector": "listeners"]] == 1)
        #expect(read(after) == read(before))
    }
}
