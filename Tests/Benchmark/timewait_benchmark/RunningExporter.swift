import Foundation
import Glibc

/// The exporter, which is stopped (SIGSTOP) except while it is measured: so all methods take turns
/// on a quiet machine.
final class RunningExporter {
    private let child: Child
    private let port: UInt16
    /// Seconds between two readings.
    let interval: Int
    private let source: Source

    /// Where it reads the socket table.
    enum Source: String {
        case sockDiag = "sock_diag"
        case procfs
    }

    /// All flags that are not the defaults. The interval must stay what it is, whatever a reading
    /// costs, for readings are counted by it.
    private static func flags(_ source: Source, port: UInt16, interval: Int) -> [String] {
        [
            "--web.listen-address=127.0.0.1:\(port)",
            "--sampler.source=\(source.rawValue)",
            "--sampler.interval=\(interval)s",
            "--sampler.cpu-limit=100",
            "--log.level=error",
        ]
    }

    /// Starts the exporter, and waits until it has a page.
    init(_ executables: Executables, _ source: Source, port: UInt16, interval: Int, flags: [String] = []) throws {
        self.port = port
        self.interval = interval
        self.source = source
        child = try Child([executables.exporter] + Self.flags(source, port: port, interval: interval) + flags)
        try Waiting.until("the exporter on port \(port) has a page", within: 30) {
            if try child.endingIfAny() != nil { throw BenchmarkError("the exporter has ended: see above") }
            return (try? page()) ?? nil != nil
        }
    }

    /// Its files in procfs.
    var files: ProcessFiles { ProcessFiles(process: child.process) }

    /// The page; nil if it has none to give, because it was stopped for long.
    func page() throws -> MetricsPage? {
        try HTTPConnection(port: port).get("/metrics").map { MetricsPage($0) }
    }

    /// Stops the process where it is.
    func pause() { child.signal(SIGSTOP) }
    /// Lets it go on.
    func resume() { child.signal(SIGCONT) }

    /// When the socket table was last read, in seconds since 1970.
    static func lastReading(_ page: MetricsPage) -> Double? {
        page.sum("timewait_sampler_last_success_timestamp_seconds", #"collector="socket_table""#)
    }

    /// A page with a newer reading of the socket table than at `moment`.
    private func page(readAfter moment: Double) throws -> (page: MetricsPage, moment: Double) {
        var found: (MetricsPage, Double)?
        try Waiting.until("the exporter on port \(port) reads the socket table", within: 3 * Double(interval) + 20) {
            if let page = try page(), let last = Self.lastReading(page), last > moment { found = (page, last) }
            return found != nil
        }
        guard let found else { throw BenchmarkError("the exporter on port \(port) has no page") }
        return found
    }

    /// The mean CPU time of a number of readings, of the whole process with all that it does in
    /// that time. It runs during that time only.
    ///
    /// Now and then, at most once a minute where that is dear, the exporter looks for sockets that
    /// are only bound, too: a walk of another table. A turn that it falls on is taken again; where
    /// it falls on every turn it is a part of the reading. A turn in which a reading was not on
    /// time, as after one that SIGSTOP had interrupted, is taken again, too.
    func measure(readings: Int) throws -> Measurement {
        resume()
        defer { pause() }
        for _ in 0..<2 {
            if let measurement = try measureOnce(readings) { return measurement }
        }
        guard let measurement = try measureOnce(readings, isLast: true) else {
            throw BenchmarkError("the exporter on port \(port) was not measured")
        }
        return measurement
    }

    private func measureOnce(_ readings: Int, isLast: Bool = false) throws -> Measurement? {
        // The first reading is at once, because it is overdue; from the second one on there is one
        // each interval.
        let overdue = try page(readAfter: Date().timeIntervalSince1970)
        let first = try page(readAfter: overdue.moment)
        // Far from a reading on both sides.
        usleep(UInt32(interval) * 300_000)
        let before = try files.cpuMilliseconds()
        usleep(UInt32(readings * interval) * 1_000_000)
        let after = try files.cpuMilliseconds()
        guard let page = try page(), let last = Self.lastReading(page) else {
            throw BenchmarkError("the exporter on port \(port) has no page")
        }
        guard isLast || Self.lastBoundReading(page) == Self.lastBoundReading(first.page) else { return nil }
        let counted = (last - first.moment) / Double(interval)
        guard abs(counted - Double(readings)) < 0.3 else {
            guard isLast else { return nil }
            throw BenchmarkError("the exporter read \(Number.text(counted)) times instead of \(readings)")
        }
        guard page.sum("timewait_sampler_source_info", "source=\"\(source.rawValue)\"") == 1 else {
            throw BenchmarkError("the exporter does not read \(source.rawValue)")
        }
        return Measurement(
            milliseconds: (after - before) / Double(readings),
            timeWaits: Int(page.sum("timewait_table_sockets", #"state="time_wait""#) ?? -1)
        )
    }

    /// When sockets that are only bound were last looked for; nil where the source does not tell
    /// them.
    private static func lastBoundReading(_ page: MetricsPage) -> Double? {
        page.sum("timewait_sampler_last_success_timestamp_seconds", #"collector="bound_sockets""#)
    }
}
