import System

/// The control groups of the hierarchy whose ids samples carry, by their ids: a group's id is the
/// inode of its folder.
struct ControlGroupTable {
    /// The most groups that are remembered; above it all are forgotten.
    private static let most = 65_536
    /// How deep a scan goes: systemd and Kubernetes have five levels.
    private static let deepest = 16

    /// The labels of the groups.
    private var labels: [UInt64: String] = [:]

    /// Takes in a group that was made.
    mutating func note(_ id: UInt64, path: [UInt8]) { note(id, label: ControlGroup(path: path).label) }

    /// Takes in the label of a group.
    mutating func note(_ id: UInt64, label: String) {
        if labels.count >= Self.most { labels.removeAll() }
        labels[id] = label
    }

    /// Takes in groups that a scan has found.
    mutating func merge(_ scanned: [UInt64: String]) {
        labels.merge(scanned) { told, _ in told }
    }

    /// The label of a group; nil where it is not known.
    func label(of id: UInt64) -> String? { labels[id] }

    /// All groups below the folder where a hierarchy is mounted.
    static func scan(_ mount: String) -> [UInt64: String] {
        var found: [UInt64: String] = [:]
        if let root = try? FileStatus(at: mount) { found[root.identity.inode] = "" }
        var paths = [""]
        for _ in 0..<deepest {
            var next: [String] = []
            for path in paths where found.count < most {
                for folder in (try? Folder.folders(in: mount + path)) ?? [] {
                    let child = "\(path)/\(folder.name)"
                    found[folder.inode] = ControlGroup(path: Array(child.utf8)).label
                    next.append(child)
                }
            }
            paths = next
        }
        return found
    }

    /// Where the hierarchy of the perf_event controller is mounted; nil where it is not.
    static func mount() -> (path: String, isUnified: Bool)? {
        let mounts = try? FileDescriptor(reading: "/proc/self/mountinfo").bytes(upTo: 1 << 20)
        return mounts.flatMap { mount(in: $0.span) }
    }

    /// Where the hierarchy of the perf_event controller is mounted: it is that of version 1 where
    /// there is one, else the unified one.
    ///
    /// - Parameter mounts: /proc/self/mountinfo (proc_pid_mountinfo(5)).
    static func mount(in mounts: Span<UInt8>) -> (path: String, isUnified: Bool)? {
        var unified: (path: String, reach: Int)?
        var position = 0
        while let line = mounts.line(at: &position) {
            let words = mounts.text(in: line).split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, dash > 5 else { continue }
            let path = String(words[4])
            switch words[dash + 1] {
            case "cgroup" where words[dash + 3].split(separator: ",").contains("perf_event"):
                return (path, false)
            case "cgroup2" where reach(ofRoot: words[3]) > (unified?.reach ?? -1):
                unified = (path, reach(ofRoot: words[3]))
            default: break
            }
        }
        return unified.map { ($0.path, true) }
    }

    /// How much of the hierarchy a mount shows, by its root, as our cgroup namespace names it
    /// (cgroup_namespaces(7)): where a container has the whole beside its own part, these are
    /// `/../..` and `/`, or without a namespace `/` and `/docker/5f0c…`.
    private static func reach(ofRoot root: Substring) -> Int {
        root.starts(with: "/..") ? 2 : root == "/" ? 1 : 0
    }
}
