import Foundation
import Glibc

/// A file without a name that takes what a program writes, however much it is, and can be read
/// while the program runs.
final class OutputFile {
    /// What a program is given to write to.
    let descriptor: Int32

    /// A new file, gone when nobody has it open any more.
    init() throws(NamespaceError) {
        let path = FileManager.default.temporaryDirectory.path + "/namespaces-\(UUID().uuidString)"
        // Appending keeps the program's place in the file apart from the reader's.
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .notStarted(program: path, reason: Spawn.message(of: errno)) }
        unsafe unlink(path)
    }

    deinit {
        close(descriptor)
    }

    /// All that has been written until now.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe pread(descriptor, $0.baseAddress, $0.count, off_t(bytes.count))
            }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// The same as text.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}
