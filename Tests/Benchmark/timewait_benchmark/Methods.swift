import Foundation

/// The exporter over one of its sources.
final class ExporterMethod: Method {
    let name: MethodName
    private let exporter: RunningExporter
    private let readings: Int

    /// - Parameter name: one of the three that are the exporter.
    init(_ executables: Executables, _ name: MethodName, interval: Int, readings: Int) throws {
        self.name = name
        self.readings = readings
        exporter = try RunningExporter(
            executables,
            name == .exporterProcfs ? .procfs : .sockDiag,
            port: name == .exporterProcfs ? 10_058 : name == .exporterSockDiag ? 10_057 : 10_059,
            interval: interval,
            flags: name == .exporterWithoutArrivals ? ["--sockets.limit=0"] : []
        )
        exporter.pause()
    }

    var files: ProcessFiles? { exporter.files }

    func measure() throws -> Measurement { try exporter.measure(readings: readings) }
}

/// A C program that does the least that is possible, in the rhythm of the exporter.
final class FloorMethod: Method {
    let name: MethodName
    private let command: [String]
    private let readings: Int

    init(_ name: MethodName, _ program: String, readings: Int, pause seconds: Double) {
        self.name = name
        self.readings = readings
        // The first reading is a warm one for the program, and is left out.
        command = [program, "\(readings + 1)", "\(Int(seconds * 1000))"]
    }

    func measure() throws -> Measurement {
        let lines = try FinishedProgram(command, within: 120).text.split(separator: "\n").dropFirst()
        let numbers = lines.map { $0.split(separator: " ").compactMap { Double($0) } }
        guard numbers.count == readings, numbers.allSatisfy({ $0.count == 2 }) else {
            throw BenchmarkError("\(name.label) did not say what it did")
        }
        let nanoseconds = numbers.reduce(0) { $0 + $1[0] } / Double(readings)
        return Measurement(milliseconds: nanoseconds / 1e6, timeWaits: Int(numbers[readings - 1][1]))
    }
}

/// `ss`, whole: its start is a part of its cost for whoever asks it.
final class SsMethod: Method {
    let name = MethodName.ss
    private let command: [String]

    init(_ executables: Executables) {
        command = [executables.ss, "-tan", "state", "time-wait"]
    }

    func measure() throws -> Measurement {
        let finished = try FinishedProgram(command, within: 120)
        return Measurement(milliseconds: finished.cpuMilliseconds, timeWaits: finished.lines - 1)
    }
}

/// node_exporter with nothing but its tcpstat collector, which reads at each scrape.
final class NodeExporterMethod: Method {
    let name: MethodName
    private let exporter: RunningNodeExporter
    private let scrapes: Int

    init(_ name: MethodName, _ program: String, port: UInt16, scrapes: Int) throws {
        self.name = name
        exporter = try RunningNodeExporter(program, collector: "tcpstat", port: port)
        self.scrapes = scrapes
    }

    var files: ProcessFiles? { exporter.files }

    func measure() throws -> Measurement {
        let connection = try HTTPConnection(port: exporter.port)
        let before = try exporter.files.cpuMilliseconds()
        var page: String?
        for _ in 0..<scrapes { page = try connection.get("/metrics") }
        let after = try exporter.files.cpuMilliseconds()
        let family = "node_tcp_connection_states"
        guard let page = page.map({ MetricsPage($0) }), page.sum(family) != nil else {
            throw BenchmarkError("\(name.label) has no \(family)")
        }
        // It leaves out states that no socket is in.
        let timeWaits = page.sum(family, #"state="time_wait""#) ?? 0
        return Measurement(milliseconds: (after - before) / Double(scrapes), timeWaits: Int(timeWaits))
    }
}
