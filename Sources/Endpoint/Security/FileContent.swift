import Glibc

/// A small file, read whole.
enum FileContent {
    /// Why a file could not be read.
    struct Failure: Error {
        /// The kernel's reason, or ours.
        let reason: String
    }

    /// More than any certificate or configuration has.
    private static let limit = 1 << 20

    /// Reads a file.
    static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(reason: Self.text(of: errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw Failure(reason: Self.text(of: errno)) }
        // What is read once cannot be read again when it changes.
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(reason: "it is no regular file") }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(reason: Self.text(of: errno)) }
            if count == 0 { return content }
            content += buffer[..<count]
            guard content.count <= limit else { throw Failure(reason: "the file is larger than 1 MiB") }
        }
    }

    /// The kernel's words for an errno.
    private static func text(of code: CInt) -> String {
        // A text that lives at least until the next call on this thread; it is copied at once.
        unsafe String(cString: strerror(code))
    }
}
