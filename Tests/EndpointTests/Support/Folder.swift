import Foundation

/// A folder of files, gone with this object.
final class Folder: Sendable {
    let path = NSTemporaryDirectory() + "timewait_exporter_\(UUID().uuidString)"

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file in one step, as programs that know what they do replace theirs.
    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: file(name)), options: .atomic)
    }

    /// Puts a copy of a file in the place of another, in one step.
    func copy(_ name: String, over other: String) throws {
        try Data(contentsOf: URL(filePath: file(name))).write(to: URL(filePath: file(other)), options: .atomic)
    }
}
