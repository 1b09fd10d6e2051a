import Advice
import Glibc
import WebConfiguration

/// Reads the files of sysctl.d.
enum SysctlFiles {
    /// What they set the list of reserved ports to.
    static func reservedPorts() -> ReservedPortsFiles {
        var problems: [String] = []
        let names = ReservedPortsFiles.folders.map { folder in
            do {
                return try self.names(in: folder)
            } catch {
                problems.append("\(error)")
                return []
            }
        }
        var paths = ReservedPortsFiles.order(names)
        // Debian's 99-sysctl.conf is a link to it.
        let last = identity(of: ReservedPortsFiles.last)
        if last != nil, !paths.contains(where: { identity(of: $0) == last }) { paths.append(ReservedPortsFiles.last) }
        let settings = paths.flatMap { path in
            do {
                return ReservedPortsFiles.settings(in: try contents(of: path), path: path)
            } catch {
                problems.append("\(error)")
                return []
            }
        }
        return ReservedPortsFiles(settings, problems: problems)
    }

    /// A file of whatever name.
    private struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t
    }

    private static func identity(of path: String) -> Identity? {
        var status = stat()
        // It writes into the variable that it is given; the path ends with NUL.
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }

    /// The names in a folder; none where it does not exist.
    private static func names(in folder: String) throws -> [String] {
        // The path ends with NUL.
        guard let stream = unsafe opendir(folder) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw failure(folder)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        // An entry lives until the next call, and its name ends with NUL within it.
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names
    }

    /// A file's bytes; none of one that is masked, which is a link to /dev/null.
    private static func contents(of path: String) throws -> [UInt8] {
        // Unsafe only because open() is variadic. What is no plain file must not be waited for.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw failure(path) }
        defer { close(file) }
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while contents.count < longest {
            // The kernel writes at most as many bytes as there are.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            if count == 0 { break }
            contents += buffer[..<count]
        }
        return contents
    }

    /// More of a file is not read.
    private static let longest = 1 << 20

    private static func failure(_ path: String) -> StartError {
        // strerror() gives a text that lives at least until the next call on this thread; it is
        // copied at once.
        StartError(description: "\(path.onOneLine()): cannot read it: \(unsafe String(cString: strerror(errno)))")
    }
}
