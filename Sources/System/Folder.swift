import CLinux
import Glibc

/// An open folder. It is closed when it goes out of scope.
///
/// What is read through a folder of /proc/PID belongs to one process for good: once that process has
/// ended nothing is there any more, even where another process has got its number.
package struct Folder: ~Copyable {
    let number: CInt
    private let path: String

    package init(open path: String) throws(SystemError) {
        self.path = path
        number = try syscall("open", on: path) { unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    }

    deinit {
        close(number)
    }

    /// The path of an entry, for messages.
    package func path(of name: String) -> String { "\(path)/\(name)" }

    /// Reads the next entries, as many as fit into the buffer, as getdents64(2) writes them.
    ///
    /// - Returns: the number of bytes, 0 at the end of the folder.
    package func fill(_ buffer: inout [UInt8]) throws(SystemError) -> Int {
        try syscall("getdents64", on: path) {
            unsafe buffer.withUnsafeMutableBytes { memory in
                // The kernel writes at most the bytes of the buffer.
                unsafe clinux_getdents64(number, memory.baseAddress, memory.count)
            }
        }
    }

    /// Reads the target of a symbolic link of the folder, or what of it fits into the buffer.
    ///
    /// - Returns: the number of bytes.
    package func fill(_ buffer: inout [UInt8], fromLink name: String) throws(SystemError) -> Int {
        let size = buffer.count
        // The kernel writes at most the bytes of the buffer.
        return try syscall("readlinkat", on: path(of: name)) { unsafe readlinkat(number, name, &buffer, size) }
    }

    /// The names in a folder, `.` and `..` included.
    package static func names(in path: String) throws(SystemError) -> [String] {
        guard let stream = unsafe opendir(path) else { throw SystemError(call: "opendir", path: path, errno: errno) }
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
}
