import Glibc
import WebConfiguration

/// What the files and texts of a TLS configuration hold, read at one moment.
struct TLSMaterial: Equatable, Sendable {
    /// In PEM.
    let certificate: [UInt8]
    let key: [UInt8]
    let clientCA: [UInt8]?

    /// Reads what there is in files.
    init(of tls: WebConfiguration.TLS) throws(Problem) {
        certificate = try Self.bytes(of: tls.certificate)
        key = try Self.bytes(of: tls.key)
        clientCA = if let authority = tls.clientCA { try Self.bytes(of: authority) } else { nil }
    }

    private static func bytes(of material: WebConfiguration.Material) throws(Problem) -> [UInt8] {
        switch material.source {
        case .inline(let bytes): return bytes
        case .file(let path):
            do throws(FileContent.Failure) {
                return try FileContent.read(path)
            } catch {
                throw Problem(place: material.place, reason: "cannot read \(path.debugDescription): \(error.reason)")
            }
        }
    }
}

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
        guard descriptor >= 0 else { throw Failure(reason: errnoText(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw Failure(reason: errnoText(errno)) }
        // What is read once cannot be read again when it changes.
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(reason: "it is no regular file") }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(reason: errnoText(errno)) }
            if count == 0 { return content }
            content += buffer[..<count]
            guard content.count <= limit else { throw Failure(reason: "the file is larger than 1 MiB") }
        }
    }
}

/// The C library's words for an errno.
func errnoText(_ errno: CInt) -> String {
    // A text that lives at least until the next call on this thread; it is copied at once.
    unsafe String(cString: strerror(errno))
}
