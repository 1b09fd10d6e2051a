import System

/// How much memory this process may have, by the limits that end it or make it fail: those of its
/// control groups, RLIMIT_DATA and RLIMIT_AS.
package struct MemoryAllowance: Equatable, Sendable {
    /// The bytes that are left for what this process may still ask for.
    package let bytes: Int
    /// Which limit it is: the file, or the name of the resource limit.
    package let limit: String

    /// The tightest of all limits; nil where there is none, or none can be read.
    ///
    /// - Parameters:
    ///   - process: the folder of this process in procfs.
    ///   - groups: where control groups are mounted.
    package static func tightest(
        of process: String = "/proc/self",
        groups: String = "/sys/fs/cgroup"
    ) -> MemoryAllowance? {
        let held = HeldMemory(process)
        let limits = CurrentProcess.memoryLimits
        var allowances = groupLimits(of: process, in: groups).map { limit in
            MemoryAllowance(bytes: limit.bytes - held.anonymous, limit: limit.file)
        }
        if let data = limits.data { allowances.append(MemoryAllowance(bytes: data - held.data, limit: "RLIMIT_DATA")) }
        if let all = limits.addressSpace {
            allowances.append(MemoryAllowance(bytes: all - held.virtual, limit: "RLIMIT_AS"))
        }
        return allowances.min { $0.bytes < $1.bytes }
    }

    /// The limits of the control groups that the process is in: each counts what all groups below
    /// it hold.
    private static func groupLimits(of process: String, in mount: String) -> [(bytes: Int, file: String)] {
        guard let text = contents(of: process + "/cgroup") else { return [] }
        return text.split(separator: "\n").flatMap { line -> [(bytes: Int, file: String)] in
            // "0::/system.slice/a.service", or in version 1 "4:memory:/docker/5f0c".
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            if fields[1].isEmpty { return limits(mount, String(fields[2]), ["memory.max", "memory.high"]) }
            guard fields[1].split(separator: ",").contains("memory") else { return [] }
            return limits(mount + "/memory", String(fields[2]), ["memory.limit_in_bytes"])
        }
    }

    /// The limits from a group up to the root. A group that cannot be seen, as in a container that
    /// has the root's place taken by its own group, is passed over.
    private static func limits(_ mount: String, _ group: String, _ files: [String]) -> [(bytes: Int, file: String)] {
        var names = group.split(separator: "/")
        var found: [(bytes: Int, file: String)] = []
        while true {
            let folder = ([Substring(mount)] + names).joined(separator: "/")
            for file in files {
                let path = "\(folder)/\(file)"
                // "max" and, in version 1, a number beyond all memory mean "no limit".
                if let text = contents(of: path), let bytes = Int(text.prefix { $0 != "\n" }), bytes < none {
                    found.append((bytes, path))
                }
            }
            if names.popLast() == nil { return found }
        }
    }

    private static let none = 1 << 60

    fileprivate static func contents(of path: String) -> String? {
        guard let bytes = try? FileDescriptor(open: path).bytes(upTo: 64 * 1024) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What this process holds already, in bytes.
private struct HeldMemory {
    var anonymous = 0
    var data = 0
    var virtual = 0

    /// Of /proc/self/status: `VmData:\t    1234 kB`.
    init(_ process: String) {
        for line in (MemoryAllowance.contents(of: process + "/status") ?? "").split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count == 3, let kibibytes = Int(words[1]) else { continue }
            let bytes = kibibytes.multipliedReportingOverflow(by: 1024).partialValue
            switch words[0] {
            case "RssAnon:": anonymous = bytes
            case "VmData:": data = bytes
            case "VmSize:": virtual = bytes
            default: break
            }
        }
    }
}
