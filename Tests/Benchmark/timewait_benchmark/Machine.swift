import Foundation

/// Where and with what was measured.
struct Machine: Codable {
    let date: String
    let kernel: String
    let cpu: String
    let cores: Int
    let memoryGiB: Double
    /// Buckets of the kernel's table of connections, each of which every walk looks at.
    let hashBuckets: Int
    let versions: [String: String]
    let begin: Moment
    var end: Moment?

    /// What others may have left behind, or the kernel had to give up.
    struct Moment: Codable {
        /// TIME_WAITs of the whole machine; nil where nobody may know.
        let timeWaitObjects: Int?
        /// Connections that the kernel aborted for want of memory, in this namespace.
        let abortsOnMemory: Int

        init() throws {
            let slabs = try? ProcFile.text("/proc/slabinfo")
            timeWaitObjects = slabs?.firstMatch(of: /(?m)^tw_sock_TCP\s+(\d+)/).flatMap { Int($0.1) }
            let rows = try ProcFile.text("/proc/thread-self/net/netstat")
                .split(separator: "\n").map { $0.split(separator: " ") }
            guard rows.count >= 2, let column = rows[0].firstIndex(of: "TCPAbortOnMemory"), column < rows[1].count
            else {
                throw BenchmarkError("/proc/thread-self/net/netstat has no TCPAbortOnMemory")
            }
            abortsOnMemory = Int(rows[1][column]) ?? 0
        }
    }

    init(_ executables: Executables) throws {
        date = Date().formatted(.iso8601)
        kernel = try Self.firstLine("uname", "-r")
        let processor = try ProcFile.text("/proc/cpuinfo")
        cpu = processor.firstMatch(of: /(?m)^model name\s*: (.*)$/).map { String($0.1) } ?? "unknown"
        cores = ProcessInfo.processInfo.activeProcessorCount
        memoryGiB = (Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824 * 10).rounded() / 10
        // Negative where a namespace shares the table of the machine.
        let buckets = try ProcFile.text("/proc/sys/net/ipv4/tcp_ehash_entries").trimmingCharacters(in: .newlines)
        hashBuckets = abs(Int(buckets) ?? 0)
        let exporter = try FinishedProgram([executables.exporter, "--version"], within: 10).text
        var versions = [
            "timewait_exporter": exporter.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                .joined(separator: "; "),
            "node_exporter": try Self.firstLine(executables.nodeExporter, "--version"),
            "ss": try Self.firstLine(executables.ss, "-V"),
            "wrk": try Self.firstLine("sh", "-c", "\(executables.wrk) -v || true"),
        ]
        if let program = executables.nodeExporterOfDebian13 {
            versions["node_exporter of Debian 13"] = try Self.firstLine(program, "--version")
        }
        self.versions = versions
        begin = try Moment()
    }

    private static func firstLine(_ command: String...) throws -> String {
        let text = try FinishedProgram(command, within: 10).text
        return text.split(separator: "\n").first.map(String.init) ?? ""
    }
}
