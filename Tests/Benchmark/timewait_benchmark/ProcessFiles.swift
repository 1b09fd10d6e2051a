import Foundation

/// What procfs says about a process.
struct ProcessFiles {
    let process: pid_t

    /// CPU time of all its threads, to the nanosecond.
    func cpuMilliseconds() throws -> Double {
        let tasks = "/proc/\(process)/task"
        var nanoseconds = 0.0
        for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
            // A thread may have ended since it was listed.
            guard let text = try? ProcFile.text("\(tasks)/\(task)/schedstat") else { continue }
            nanoseconds += text.split(separator: " ").first.flatMap { Double($0) } ?? 0
        }
        return nanoseconds / 1e6
    }

    /// Resident memory in MiB: all of it, and what of it is the process's own and no file's.
    func memory() throws -> (resident: Double, anonymous: Double) {
        let status = try ProcFile.text("/proc/\(process)/status")
        func mebibytes(_ field: String) throws -> Double {
            let line = status.split(separator: "\n").first { $0.hasPrefix(field + ":") }
            let words = line?.split { " \t".contains($0) } ?? []
            guard words.count > 1, let kibibytes = Double(words[1]) else {
                throw BenchmarkError("/proc/\(process)/status has no \(field)")
            }
            return kibibytes / 1024
        }
        return (try mebibytes("VmRSS"), try mebibytes("RssAnon"))
    }
}
