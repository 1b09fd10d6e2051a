import Foundation

/// The pages, downloaded as fast as it goes over eight kept connections.
enum WebSide {
    /// The exporter and node_exporter with a cheap collector, in turns.
    static func measure(_ executables: Executables, rounds: Int, seconds: Int) throws -> Results.Web {
        let exporter = try RunningExporter(executables, .sockDiag, port: 10057, interval: 5)
        let nodeExporter = try RunningNodeExporter(executables.nodeExporter, collector: "loadavg", port: 9100)
        // wrk closes its connections first. With this limit they leave no TIME_WAIT that the next
        // step would count.
        let limit = "/proc/sys/net/ipv4/tcp_max_tw_buckets"
        let usual = try ProcFile.text(limit)
        try write("0", to: limit)
        var ours: [Double] = []
        var theirs: [Double] = []
        for _ in 0..<rounds {
            exporter.resume()
            ours.append(try requestsPerSecond(executables, port: 10057, seconds: seconds))
            exporter.pause()
            theirs.append(try requestsPerSecond(executables, port: nodeExporter.port, seconds: seconds))
        }
        try write(usual, to: limit)
        return Results.Web(exporter: ours, nodeExporter: theirs)
    }

    private static func requestsPerSecond(_ executables: Executables, port: UInt16, seconds: Int) throws -> Double {
        let command = [executables.wrk, "-t1", "-c8", "-d\(seconds)s", "http://127.0.0.1:\(port)/metrics"]
        let text = try FinishedProgram(command, within: Double(seconds) + 20).text
        guard !text.contains("Non-2xx"), !text.contains("Socket errors"),
            let match = text.firstMatch(of: /Requests\/sec:\s+([0-9.]+)/), let rate = Double(match.1)
        else { throw BenchmarkError("port \(port) did not answer wrk well: \(text)") }
        return rate
    }

    /// Writes without a file beside it that takes its place: procfs has none.
    private static func write(_ text: String, to path: String) throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }
}
