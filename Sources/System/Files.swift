import CLinux
import Glibc

/// An open file. It is closed when it goes out of scope.
package struct FileDescriptor: ~Copyable {
    private let number: CInt
    private let path: String

    /// Opens a file for reading.
    ///
    /// - Parameter waits: whether to wait for the writer of a FIFO, as open(2) does by default.
    package init(open path: String, waits: Bool = true) throws(SystemError) {
        self.path = path
        let flags = O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK)
        number = try syscall("open", on: path) { unsafe open(path, flags) }
    }

    /// Opens a file of a folder for reading.
    package init(open name: String, in folder: borrowing Folder) throws(SystemError) {
        let descriptor = folder.number
        let path = folder.path(of: name)
        self.path = path
        number = try syscall("openat", on: path) { unsafe openat(descriptor, name, O_RDONLY | O_CLOEXEC) }
    }

    deinit {
        close(number)
    }

    /// Reads once into the buffer, from `offset` to its end.
    ///
    /// - Returns: the number of bytes, 0 at the end of the file.
    package func fill(_ buffer: inout [UInt8], from offset: Int = 0) throws(SystemError) -> Int {
        try syscall("read", on: path) {
            unsafe buffer.withUnsafeMutableBytes { memory in
                // The kernel writes at most the bytes that remain behind the offset.
                let free = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[offset...])
                return unsafe read(number, free.baseAddress, free.count)
            }
        }
    }

    /// Reads once, at most `size` bytes. Memory that the kernel does not fill is not touched.
    package func bytes(atMost size: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { memory, count in
            // The kernel writes `count` bytes, and those become the array.
            do throws(SystemError) {
                count = try syscall("read", on: path) { unsafe read(number, memory.baseAddress, memory.count) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Reads to the end of the file, or until there are more than `limit` bytes.
    package func bytes(upTo limit: Int) throws(SystemError) -> [UInt8] {
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while content.count <= limit {
            let count = try fill(&buffer)
            if count == 0 { break }
            content += buffer[..<count]
        }
        return content
    }

    /// The content of a regular file to its end, or until there are more than `limit` bytes; nil
    /// for a file of another type. It does not wait, as opening a FIFO would.
    package static func regularFile(_ path: String, upTo limit: Int) throws(SystemError) -> [UInt8]? {
        let file = try FileDescriptor(open: path, waits: false)
        return try file.status.isRegular ? file.bytes(upTo: limit) : nil
    }

    /// The number and the type of the file.
    package var status: FileStatus {
        get throws(SystemError) { try FileStatus(of: number, path) }
    }
}

/// What stat(2) says of a file.
package struct FileStatus {
    /// A file under whatever name.
    package struct Identity: Equatable {
        package let device: UInt64
        package let inode: UInt64
    }

    package let identity: Identity
    package let isRegular: Bool
    package let isSocket: Bool

    /// The status of the file at a path, of what a symbolic link leads to.
    package init(at path: String) throws(SystemError) {
        var status = stat()
        try syscall("stat", on: path) { unsafe stat(path, &status) }
        self.init(status)
    }

    init(of descriptor: CInt, _ path: String) throws(SystemError) {
        var status = stat()
        try syscall("fstat", on: path) { unsafe fstat(descriptor, &status) }
        self.init(status)
    }

    private init(_ status: stat) {
        identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        isRegular = status.st_mode & S_IFMT == S_IFREG
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
    }
}

/// Questions about a path.
package enum FilePath {
    /// Whether there is a file or folder; true where a filter of system calls hides the answer.
    package static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0 || errno == EPERM || errno == ENOSYS
    }

    /// Whether this process lacks the right to know what is there.
    package static func isRefused(_ path: String) -> Bool { unsafe access(path, F_OK) != 0 && errno == EACCES }

    /// Why a file cannot be read; nil if it can.
    package static func obstacle(toReading path: String) -> SystemError? {
        // access() only reads the name.
        unsafe access(path, R_OK) == 0 ? nil : SystemError(call: "access", path: path, errno: errno)
    }

    /// Whether a path is a symbolic link; true where a filter of system calls hides the answer.
    package static func isLink(_ path: String) -> Bool {
        target(of: path) != nil || errno == EPERM || errno == ENOSYS
    }

    /// The target of a symbolic link; nil where there is none that may be read.
    package static func target(of path: String) -> String? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        // The kernel writes at most the bytes of the array.
        let count = unsafe readlink(path, &target, Int(PATH_MAX))
        return count < 0 ? nil : String(decoding: target.prefix(count), as: UTF8.self)
    }
}

/// Replaces a file so that no reader sees a part of it.
package enum AtomicFile {
    /// Which step failed, and why.
    package enum Failure: Error {
        /// At the path is something else than a file to replace, such as a device.
        case notRegular
        case create(SystemError)
        case write(SystemError)
        case replace(SystemError)
    }

    /// Replaces the file at a path, or makes it, with mode 0644. The new file is written beside it,
    /// synced to disk and renamed; where one of these fails the old file stays. A symbolic link to
    /// a file is replaced itself: followed, it could lead elsewhere than whoever names it knows.
    package static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        // What is not there yet has no status.
        guard (try? FileStatus(at: path))?.isRegular != false else { throw .notRegular }
        // A signal may end the process before or after, but not leave a temporary file behind.
        let before = Signals.all.block()
        defer { before.setMask() }

        // Not with `.prom` at its end: node_exporter's textfile collector would read it.
        var temporary = Array("\(path).XXXXXX".utf8CString)
        let file: CInt
        do throws(SystemError) {
            // It writes six characters over the X.
            file = try syscall("mkstemp", on: path) { unsafe mkstemp(&temporary) }
        } catch {
            throw .create(error)
        }
        do throws(Failure) {
            do throws(SystemError) {
                defer { close(file) }
                try writeAll(bytes, to: file, path)
                try syscall("fchmod", on: path) { fchmod(file, 0o644) }
                try syscall("fsync", on: path) { fsync(file) }
            } catch {
                throw .write(error)
            }
            do throws(SystemError) {
                try syscall("rename", on: path) { unsafe rename(temporary, path) }
            } catch {
                throw .replace(error)
            }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
    }
}

/// Writes all of the bytes to a descriptor, and waits where it takes no more for now.
func writeAll(_ bytes: [UInt8], to file: CInt, _ path: String) throws(SystemError) {
    var start = 0
    while start < bytes.count {
        do throws(SystemError) {
            start += try syscall("write", on: path) {
                unsafe bytes.withUnsafeBytes { bytes in
                    unsafe write(file, bytes.baseAddress?.advanced(by: start), bytes.count - start)
                }
            }
        } catch {
            // Another process that shares this end of the pipe has made it non-blocking.
            guard error.errno == EAGAIN else { throw error }
            var interest = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
            unsafe poll(&interest, 1, -1)
        }
    }
}

/// An open folder. It is closed when it goes out of scope.
///
/// What is read through a folder of /proc/PID belongs to one process for good: once that process
/// has ended nothing is there any more, even where another process has got its number.
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
        var names: [String] = []
        try entries(in: path) { name, _, _ in names.append(name) }
        return names
    }

    /// The folders in a folder of the kernel's, without `.` and `..`, and their inodes.
    package static func folders(in path: String) throws(SystemError) -> [(name: String, inode: UInt64)] {
        var folders: [(name: String, inode: UInt64)] = []
        try entries(in: path) { name, inode, isFolder in
            if isFolder, name != ".", name != ".." { folders.append((name, inode)) }
        }
        return folders
    }

    private static func entries(
        in path: String,
        _ body: (_ name: String, _ inode: UInt64, _ isFolder: Bool) -> Void
    ) throws(SystemError) {
        var opened = unsafe opendir(path)
        while unsafe opened == nil && errno == EINTR { unsafe opened = opendir(path) }
        guard let stream = unsafe opened else { throw SystemError(call: "opendir", path: path, errno: errno) }
        defer { unsafe closedir(stream) }
        // readdir(3) returns nil at the end, too; only errno tells a failure from it.
        errno = 0
        // An entry lives until the next call, and its name ends with NUL within it.
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            unsafe body(name, UInt64(entry.pointee.d_ino), CInt(entry.pointee.d_type) == CInt(DT_DIR))
            errno = 0
        }
        if errno != 0 { throw SystemError(call: "readdir", path: path, errno: errno) }
    }
}
