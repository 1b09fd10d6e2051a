import Glibc

/// An open file for reading: the border to the kernel. Closed when it goes out of scope.
struct FileDescriptor: ~Copyable {
    private let number: CInt
    private let path: String

    /// Opens a file for reading.
    init(reading path: String) throws(ReadError) {
        self.path = path
        // Unsafe only because open() is variadic; the path outlives the call.
        number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if number < 0 { throw ReadError(call: "open", path: path, errno: errno) }
    }

    /// Opens a file of a folder for reading.
    init(reading name: String, in folder: borrowing Folder) throws(ReadError) {
        path = folder.path(of: name)
        // As above.
        number = unsafe openat(folder.number, name, O_RDONLY | O_CLOEXEC)
        if number < 0 { throw ReadError(call: "openat", path: path, errno: errno) }
    }

    deinit {
        close(number)
    }

    /// Whether there is a file or folder at a path.
    static func exists(_ path: String) -> Bool {
        // Unsafe only because the path goes as a pointer; it outlives the call.
        unsafe access(path, F_OK) == 0
    }

    /// Whether we have no right to know what is at a path.
    static func isRefused(_ path: String) -> Bool {
        // As above.
        unsafe access(path, F_OK) != 0 && errno == EACCES
    }

    /// Whether there is a symbolic link at a path.
    static func isLink(_ path: String) -> Bool {
        var byte: CChar = 0
        // Both outlive the call, which writes one byte at most.
        return unsafe readlink(path, &byte, 1) > 0
    }

    /// Where the symbolic link at a path leads to; nil where there is none that may be read.
    static func target(of path: String) -> String? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        // The kernel writes at most the bytes of the array, which outlives the call, as the path
        // does.
        let count = unsafe readlink(path, &target, Int(PATH_MAX))
        return count < 0 ? nil : String(decoding: target.prefix(count), as: UTF8.self)
    }

    /// Reads once, at most `size` bytes. Memory that the kernel does not fill is not touched.
    func readOnce(atMost size: Int) throws(ReadError) -> [UInt8] {
        while true {
            var failure: CInt = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { memory, count in
                // The kernel writes `read` bytes, and those become the array.
                let read = unsafe Glibc.read(number, memory.baseAddress, memory.count)
                if read < 0 { failure = errno }
                count = max(0, read)
            }
            if failure == 0 { return bytes }
            if failure != EINTR { throw ReadError(call: "read", path: path, errno: failure) }
        }
    }

    /// Reads once into the buffer from `offset` to its end, and again only where a signal interrupted the call.
    ///
    /// - Returns: the number of bytes, 0 at the end of the file.
    func read(into buffer: inout [UInt8], from offset: Int = 0) throws(ReadError) -> Int {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { memory in
                // The kernel writes at most the bytes that remain behind the offset.
                let free = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[offset...])
                return unsafe Glibc.read(number, free.baseAddress, free.count)
            }
            if count >= 0 { return count }
            if errno != EINTR { throw ReadError(call: "read", path: path, errno: errno) }
        }
    }
}

extension ReadError {
    /// The failure of a system call on a file.
    init(call: String, path: String, errno: CInt) {
        let reason: Reason =
            switch errno {
            case ENOENT, ENOTDIR, ESRCH: .notFound
            case EACCES, EPERM: .permissionDenied
            default: .readFailed
            }
        // strerror() gives a text that lives at least until the next call on this thread; it is copied at once.
        let text = unsafe String(cString: strerror(errno))
        self.init(reason: reason, path: path, detail: "\(call): \(text)")
    }
}
