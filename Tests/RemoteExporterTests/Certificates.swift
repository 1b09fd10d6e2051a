import Foundation

/// A folder of certificates that openssl makes, gone with this object.
final class Certificates: Sendable {
    private let folder = NSTemporaryDirectory() + "timewait_exporter_\(UUID().uuidString)"

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    func file(_ name: String) -> String { "\(folder)/\(name)" }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: file(name)))
    }

    /// Makes NAME.pem, which vouches for itself, and NAME.key.
    func make(_ name: String, names: String = "IP:127.0.0.1") throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file("\(name).key")]
        let subject = ["-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)"]
        process.arguments =
            ["openssl", "req", "-x509", "-days", "2", "-out", file("\(name).pem")] + key + subject
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }
}
