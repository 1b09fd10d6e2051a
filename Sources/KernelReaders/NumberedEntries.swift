import System

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
