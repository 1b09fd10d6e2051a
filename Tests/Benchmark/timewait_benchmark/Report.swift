import Foundation

/// The results as people read them, and the files that hold them.
struct Report {
    private var results: Results

    init(_ results: Results) {
        self.results = results
        self.results.figures = results.makeFigures()
    }

    /// The tables.
    var text: String {
        let always = [machine, "## Figures", figures, "## CPU of one reading, ms", readings]
        let parts = always + arrivals + memory + web + storm
        return parts.joined(separator: "\n\n") + "\n"
    }

    private var machine: String {
        let machine = results.machine
        let versions = machine.versions.sorted { $0.key < $1.key }.map { "- \($0.key): \($0.value)" }
        let objects = machine.begin.timeWaitObjects.map(String.init) ?? "unknown"
        let aborts = (machine.end ?? machine.begin).abortsOnMemory - machine.begin.abortsOnMemory
        return """
            \(machine.date), Linux \(machine.kernel), \(machine.cores) × \(machine.cpu), \(machine.memoryGiB) GiB, \
            \(machine.hashBuckets) hash buckets.
            Before the run the whole machine had \(objects) TIME_WAIT objects (tw_sock_TCP in slabinfo); \
            TCPAbortOnMemory rose by \(aborts) during it.

            \(versions.joined(separator: "\n"))
            """
    }

    private var figures: String {
        let rows = results.figures.map { [$0.name, $0.text, $0.goal.text, $0.reached ? "yes" : "no"] }
        return Table([["figure", "measured", "goal", "reached"]] + rows).text
    }

    private var readings: String {
        let head = ["TIME_WAITs"] + results.sizes.map { Number.size($0.timeWaits) }
        let rows = MethodName.allCases.map { method in
            [method.label] + results.sizes.map { $0.milliseconds[method].map { Number.text($0.median) } ?? "" }
        }
        return Table([head] + rows).text
    }

    private var arrivals: [String] {
        guard !results.arrivals.isEmpty else { return [] }
        let rows = results.arrivals.map { arrivals in
            [Number.size(arrivals.timeWaits), Number.size(arrivals.rate)]
                + [MethodName.sockDiagFloor, .exporterSockDiag].map {
                    Number.text(arrivals.milliseconds[$0]?.median ?? .nan)
                }
        }
        let head = ["TIME_WAITs", "new a second", MethodName.sockDiagFloor.label, MethodName.exporterSockDiag.label]
        return ["## CPU of one reading while all are replaced within 60 s, ms", Table([head] + rows).text]
    }

    private var memory: [String] {
        guard !results.memory.isEmpty else { return [] }
        let sizes = results.sizes.map(\.timeWaits)
        let methods = MethodName.allCases.filter { method in results.memory.contains { $0.method == method } }
        let rows = methods.map { method in
            [method.label]
                + sizes.map { size in
                    results.memory(method, at: size).map {
                        "\(Number.text($0.resident)) (\(Number.text($0.anonymous)))"
                    } ?? ""
                }
        }
        let head = ["TIME_WAITs"] + sizes.map { Number.size($0) }
        return ["## Resident memory, of it anonymous, MiB", Table([head] + rows).text]
    }

    private var web: [String] {
        guard let web = results.web else { return [] }
        let rows = [
            ["timewait_exporter", Number.text(web.exporter.median)],
            ["node_exporter, loadavg only", Number.text(web.nodeExporter.median)],
        ]
        return ["## Pages a second over 8 connections", Table([["server", "pages a second"]] + rows).text]
    }

    private var storm: [String] {
        guard let storm = results.storm else { return [] }
        let plan = storm.plan
        let exporters = storm.exporters.map { exporter in
            "- timewait_exporter over \(exporter.source), a reading every \(exporter.interval) s: "
                + "\(exporter.answered) scrapes answered, \(exporter.unanswered) not, the slowest in "
                + "\(Number.text(exporter.slowestScrape * 1000)) ms; \(exporter.readings) readings, the slowest in "
                + "\(Number.text(exporter.slowestReading)) s, at most \(Number.text(exporter.longestGap)) s between two"
        }
        let peers = storm.peers.map { peer in
            "- `\(peer.command)`: "
                + (peer.seconds.map { "\(Number.text($0)) s" } ?? "did not end in \(Number.text(peer.waited)) s")
        }
        let title =
            "## Growth storm: \(Number.size(plan.standing)) standing, \(Number.size(plan.rate)) new a second, \(plan.seconds) s"
        return [title, (exporters + peers).joined(separator: "\n")]
    }

    /// Writes results.json, README.md and the picture.
    func write(to folder: String) throws {
        let folder = URL(fileURLWithPath: folder, isDirectory: true)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        try (encoder.encode(results) + Data("\n".utf8)).write(to: folder.appending(path: "results.json"))
        try Chart(results).svg.write(to: folder.appending(path: "results.svg"), atomically: true, encoding: .utf8)
        let page = """
            # Benchmark

            Written by `make bench`; results.json holds every round. What strangers do to the latency of a scrape is in
            [strangers.md](strangers.md); how long `diagnose` takes in [diagnose.md](diagnose.md), and how large
            the landing page is in [landing.md](landing.md).

            ![CPU time of one reading by the number of TIME_WAIT sockets](results.png)

            \(text)
            """
        try page.write(to: folder.appending(path: "README.md"), atomically: true, encoding: .utf8)
        try Picture.render(folder.appending(path: "results.svg"), to: folder.appending(path: "results.png"))
    }
}
