import Model

/// What the files of sysctl.d set `ip_local_reserved_ports` to at the next boot, as
/// systemd-sysctl(8) reads them.
package struct ReservedPortsFiles: Sendable {
    /// A line that sets the list.
    package struct Setting: Equatable, Sendable {
        /// The file.
        package var path: String
        /// Its line, counted from 1.
        package var line: Int
        /// What stands behind the equals sign.
        package var value: String
    }

    /// The name of the file that `reserve` prints.
    package static let name = "60-reserved-ports.conf"

    /// The folders, of which each hides the files of the same name in those that follow.
    package static let folders = [
        "/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d",
    ]

    /// The file that `sysctl --system` reads after all of them. systemd-sysctl reads it where a
    /// link of sysctl.d leads to it.
    package static let last = "/etc/sysctl.conf"

    /// The lines that set the list, in the order in which they are read: the last one holds.
    private let settings: [(setting: Setting, ports: PortSet?)]
    /// What could not be read.
    package private(set) var problems: [String]

    /// - Parameters:
    ///   - settings: the lines that set the list, in their order.
    ///   - problems: files that could not be read.
    package init(_ settings: [Setting] = [], problems: [String] = []) {
        var problems = problems
        self.settings = settings.map { setting in
            do throws(PortSet.ListError) {
                return (setting, try PortSet(list: Array(setting.value.utf8).span))
            } catch {
                problems.append("\(Self.place(setting)): this is no list of ports: \(error)")
                return (setting, nil)
            }
        }
        self.problems = problems
    }

    /// The files to read, in the order in which they are read: by name, whatever their folder.
    ///
    /// - Parameter names: the names in each of `folders`.
    package static func order(_ names: [[String]]) -> [String] {
        var paths: [String: String] = [:]
        for (folder, names) in zip(folders, names) {
            for name in names where name.hasSuffix(".conf") && paths[name] == nil { paths[name] = "\(folder)/\(name)" }
        }
        return paths.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map(\.value)
    }

    /// The lines of a file that set the list: `net.ipv4.ip_local_reserved_ports = 8080`, with
    /// slashes in place of the points, or with `-` before it, which lets it fail.
    package static func settings(in file: [UInt8], path: String) -> [Setting] {
        let lines = file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.enumerated().compactMap { index, bytes in
            var line = trimmed(bytes)
            guard let first = line.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else { return nil }
            if first == UInt8(ascii: "-") { line = trimmed(line.dropFirst()) }
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let key = String(decoding: trimmed(line[..<equals]), as: UTF8.self)
            guard keys.contains(key) else { return nil }
            let value = String(decoding: trimmed(line[(equals + 1)...]), as: UTF8.self)
            return Setting(path: path, line: index + 1, value: value)
        }
    }

    private static let keys: Set = [
        "net.ipv4.ip_local_reserved_ports", "net/ipv4/ip_local_reserved_ports",
        "/proc/sys/net/ipv4/ip_local_reserved_ports",
    ]

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }
        var bytes = bytes.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return bytes
    }

    private static func place(_ setting: Setting) -> String { "\(shown(setting.path)):\(setting.line)" }

    /// A path, of which the name is somebody else's.
    private static func shown(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return Wording.name(path) }
        return path[...slash] + Wording.name(String(path[path.index(after: slash)...]))
    }

    /// The files that undo what a file of our name sets.
    package var laterFiles: [String] {
        var paths: [String] = []
        for (setting, _) in settings where Self.isLater(setting.path) && !paths.contains(Self.shown(setting.path)) {
            paths.append(Self.shown(setting.path))
        }
        return paths
    }

    private static func isLater(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        return path == last || Self.name.utf8.lexicographicallyPrecedes(name.utf8)
    }

    /// How the list of the next boot differs from the one in force; empty where it does not.
    func atNextBoot(reserved: PortSet) -> String {
        let valid = settings.compactMap { setting, ports in ports.map { (setting, $0) } }
        let boot = valid.last?.1 ?? PortSet()
        let named = valid.reduce(PortSet()) { $0.union($1.1) }
        func it(_ ports: PortSet) -> String { ports.count == 1 ? "it is" : "they are" }
        var text = problems.map { "Warning: \($0)\n" }.joined()
        let unnamed = reserved.subtracting(named)
        if !unnamed.isEmpty {
            text += "Not in a file: \(unnamed.listText); \(it(unnamed)) lost at the next boot.\n"
        }
        let replaced = reserved.intersection(named).subtracting(boot)
        if !replaced.isEmpty, let last = valid.last?.0 {
            text += """
                Only in a file that \(Self.place(last)) replaces: \(replaced.listText); \(it(replaced)) lost at the next \
                boot.

                """
        }
        let pending = boot.subtracting(reserved)
        if !pending.isEmpty, let last = valid.last?.0 {
            text += "In \(Self.place(last)) and not in force: \(pending.listText).\n"
        }
        return text
    }
}
