/// Where a process runs, by the control groups that it is in (/proc/PID/cgroup, cgroups(7)).
///
///     0::/system.slice/payments.service            unified
///     1:name=systemd:/user.slice/session-2.scope   systemd's own hierarchy, version 1
///     4:memory:/docker/5f0c…                       a controller's, version 1
///
/// The names come from the groups' creators, and may hold any byte but a newline and '/'.
package struct ControlGroup: Equatable {
    /// The systemd unit, such as `payments.service`; nil outside of one. In a container it is the
    /// unit that the container is the payload of, as Podman's Quadlet makes them, and else nil.
    package private(set) var unit: String?
    /// The first 12 digits of the container's id; nil outside of one.
    package private(set) var container: String?
    /// The uid of the container's pod; nil outside of one.
    package private(set) var pod: String?

    /// Neither.
    init() {}

    /// What the bytes of the file say.
    package init(_ bytes: Span<UInt8>) {
        var unifiedUnit: String?
        var position = 0
        while let line = bytes.line(at: &position) {
            // A path may hold colons.
            let fields = line.map { bytes[$0] }.split(
                separator: UInt8(ascii: ":"),
                maxSplits: 2,
                omittingEmptySubsequences: false
            )
            guard fields.count == 3 else { continue }
            let groups = Groups(path: fields[2])
            // containerd leaves its own service in the unified hierarchy of version 1 for all of
            // its containers: a container's id in any line outweighs what the others say.
            if let container = groups.container {
                (unit, self.container, pod) = (container.unit, container.id, groups.pod)
                return
            }
            if fields[1].elementsEqual("name=systemd".utf8) { unit = groups.unit }
            if fields[1].isEmpty { unifiedUnit = groups.unit }
        }
        unit = unit ?? unifiedUnit
    }

    /// What a path below the root of a hierarchy says, such as
    /// `/kubepods.slice/kubepods-pod1f2e….slice/cri-containerd-5f0c….scope`.
    init(path: [UInt8]) {
        let groups = Groups(path: path[...])
        if let container = groups.container {
            (unit, self.container, pod) = (container.unit, container.id, groups.pod)
        } else {
            unit = groups.unit
        }
    }

    /// The unit as the label of a metric holds it: see `ProgramName.unit`.
    var label: String {
        if let unit { return unit.printable }
        guard let container else { return "" }
        return pod.map { "pod/\($0)/\(container)" } ?? "container/\(container)"
    }
}

/// The names on the path of a control group, the outermost first.
private struct Groups {
    private static let (dash, underscore) = (UInt8(ascii: "-"), UInt8(ascii: "_"))

    private let names: [ArraySlice<UInt8>]

    init(path: ArraySlice<UInt8>) {
        // What the kernel appends where the group has been removed, and the process has not ended
        // yet.
        let path = path.ends(with: " (deleted)") ? path.dropLast(" (deleted)".utf8.count) : path
        names = path.split(separator: UInt8(ascii: "/"))
    }

    /// The innermost unit. In user@1000.service these are the units of the user's manager.
    var unit: String? {
        let units = names.filter { $0.ends(with: ".service") || $0.ends(with: ".scope") }
        // A manager puts itself into init.scope: what it is called outside says more.
        let isManager = units.count > 1 && units.last?.elementsEqual("init.scope".utf8) == true
        return (isManager ? units.dropLast() : units[...]).last.map(Self.text)
    }

    /// The innermost container.
    var container: (id: String, unit: String?)? {
        for (index, name) in names.enumerated().reversed() {
            guard let id = Self.containerID(name) else { continue }
            let parent = index > 0 ? names[index - 1] : []
            // A user's manager is not the unit of the container.
            let isPayload = parent.ends(with: ".service") && !parent.starts(with: "user@".utf8)
            return (String(decoding: id.prefix(12), as: UTF8.self), isPayload ? Self.text(parent) : nil)
        }
        return nil
    }

    /// The uid in the name of the innermost pod's group: 8, 4, 4, 4 and 12 digits with dashes
    /// between them, which systemd's names have as underscores
    /// (`kubepods-burstable-pod1f2e….slice`, `pod1f2e…`,
    /// `kubepods-pod1f2e….slice:cri-containerd:5f0c…`). `libpod-5f0c…` is no pod.
    var pod: String? {
        for name in names.reversed() {
            for start in name.indices where name[start...].starts(with: "pod".utf8) {
                let uid = name[start...].dropFirst(3).prefix(36).map { $0 == Self.underscore ? Self.dash : $0 }
                let isUID = uid.enumerated().allSatisfy { place, byte in
                    [8, 13, 18, 23].contains(place)
                        ? byte == Self.dash : (48...57).contains(byte) || (97...102).contains(byte)
                }
                if uid.count == 36, isUID { return String(decoding: uid, as: UTF8.self) }
            }
        }
        return nil
    }

    /// The id in the name of a container's group: 64 digits, alone (`5f0c…`) or behind the
    /// runtime's name (`docker-5f0c….scope`, `cri-containerd-5f0c….scope`, `libpod-5f0c…`,
    /// `kubepods-pod1f.slice:cri-containerd:5f0c…`).
    private static func containerID(_ name: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let name = name.ends(with: ".scope") ? name.dropLast(".scope".utf8.count) : name
        let id = name.suffix(64)
        let runtime = name.dropLast(64)
        guard id.count == 64, id.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else { return nil }
        guard let separator = runtime.last else { return id }
        // What watches over a container of Podman or CRI-O is outside of it
        // (`libpod-conmon-5f0c….scope`).
        let isMonitor = runtime.ends(with: "conmon-")
        return (separator == UInt8(ascii: "-") || separator == UInt8(ascii: ":")) && !isMonitor ? id : nil
    }

    /// A unit's name, at most 255 bytes as systemd has it. It puts a '_' before names that the
    /// kernel would mistake for files of its own.
    private static func text(_ name: ArraySlice<UInt8>) -> String {
        String(decoding: (name.first == UInt8(ascii: "_") ? name.dropFirst() : name).prefix(255), as: UTF8.self)
    }
}

extension ArraySlice<UInt8> {
    fileprivate func ends(with text: String) -> Bool {
        suffix(text.utf8.count).elementsEqual(text.utf8)
    }
}
