public import Foundation

/// A scene of kernel tables in Tests/Fixtures, laid out like a procfs. The README there says what
/// is in each.
public struct Scene: Sendable {
    /// The folder to read in place of /proc.
    public let path: String

    /// The folder of the package.
    public static var repository: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    /// A scene as it was captured.
    public init(_ name: String) {
        path = Self.repository.appending(path: "Tests/Fixtures/\(name)").path(percentEncoded: false)
    }

    /// A copy of a scene that may be changed; `remove` ends it.
    public init(copyOf name: String) throws {
        path = NSTemporaryDirectory() + "timewait_exporter_\(name)_\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: Scene(name).path, toPath: path)
    }

    /// The bytes of a file, such as `thread-self/net/tcp`.
    public func bytes(_ file: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(path)/\(file)")))
    }

    /// Writes a file in place of the captured one.
    public func write(_ text: String, to file: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(path)/\(file)"))
    }

    /// Takes a file away.
    public func remove(_ file: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(file)")
    }

    /// Puts a file of another scene here.
    public func take(_ file: String, from scene: Scene) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(file)")
        try FileManager.default.copyItem(atPath: "\(scene.path)/\(file)", toPath: "\(path)/\(file)")
    }

    /// Takes the whole copy away.
    public func remove() throws {
        try FileManager.default.removeItem(atPath: path)
    }
}
