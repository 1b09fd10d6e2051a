import CLinux
import Glibc

/// An open folder: the border to the kernel. Closed when it goes out of scope.
///
/// What is read through a folder of /proc/PID belongs to one process for good: once that has ended
/// nothing is there any more, even where another process has got its number.
struct Folder: ~Copyable {
    let number: CInt
    private let path: String

    /// Opens a folder for reading.
    init(_ path: String) throws(ReadError) {
        self.path = path
        // Unsafe only because open() is variadic; the path outlives the call.
        number = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if number < 0 { throw ReadError(call: "open", path: path, errno: errno) }
    }

    deinit {
        close(number)
    }

    /// The path of an entry, for messages.
    func path(of name: String) -> String { "\(path)/\(name)" }

    /// Reads the next entries, as many as fit into the buffer, as getdents64(2) writes them.
    ///
    /// - Returns: the number of bytes, 0 at the end of the folder.
    func readEntries(into buffer: inout [UInt8]) throws(ReadError) -> Int {
        let count = unsafe buffer.withUnsafeMutableBytes { memory in
            // The kernel writes at most the bytes of the buffer.
            unsafe clinux_getdents64(number, memory.baseAddress, memory.count)
        }
        if count < 0 { throw ReadError(call: "getdents64", path: path, errno: errno) }
        return count
    }

    /// Reads where a symbolic link of the folder leads to, or what of it fits into the buffer.
    ///
    /// - Returns: the number of bytes.
    func readLink(_ name: String, into buffer: inout [UInt8]) throws(ReadError) -> Int {
        let size = buffer.count
        // The kernel writes at most the bytes of the buffer, which outlives the call, as the name
        // does.
        let count = unsafe readlinkat(number, name, &buffer, size)
        if count < 0 { throw ReadError(call: "readlinkat", path: path(of: name), errno: errno) }
        return count
    }
}

/// The entries of a folder of procfs whose names are numbers, some at a time: processes, or
/// descriptors.
struct NumberedEntries {
    private var buffer = [UInt8](repeating: 0, count: 32 * 1024)
    /// The numbers of the last reading.
    private(set) var numbers: [Int32] = []

    /// Reads the next ones.
    ///
    /// - Returns: false at the end of the folder.
    mutating func read(from folder: borrowing Folder) throws(ReadError) -> Bool {
        let count = try folder.readEntries(into: &buffer)
        numbers = buffer.span.extracting(0..<count).numbersOfEntries
        return count > 0
    }
}

extension Span<UInt8> {
    /// The names that are numbers, of bytes that are filled with `struct linux_dirent64`: two
    /// numbers of 64 bits, the entry's length in 16, a type in 8, and its name with a zero behind
    /// it.
    fileprivate var numbersOfEntries: [Int32] {
        var numbers: [Int32] = []
        var start = 0
        while start + 19 < count {
            let length = Int(native16(at: start + 16))
            guard length > 19, start + length <= count else { break }
            var end = start + 19
            while end < start + length, self[end] != 0 { end += 1 }
            if let number = decimal(in: start + 19..<end, as: Int32.self) { numbers.append(number) }
            start += length
        }
        return numbers
    }
}
