import Glibc

/// Reads a descriptor line by line.
struct LineReader {
    /// The longest line that is taken: the longest reserved ports list has 191,053 bytes.
    private static let limit = 256 * 1024

    /// What is read.
    private let descriptor: Int32
    /// What has been read and not given out.
    private var buffer: [UInt8] = []
    /// How much of the buffer has been looked at and holds no end of line.
    private var searched = 0

    /// A reader of a descriptor that stays the caller's to close.
    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// The next line without its end, or nil when the input ended or made no sense.
    mutating func next() -> String? {
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeSubrange(...end)
                searched = 0
                return line
            }
            searched = buffer.count
            guard buffer.count < Self.limit, fill() else { return nil }
        }
    }

    /// Appends what can be read now; false at the end of the input.
    private mutating func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            buffer += chunk[..<count]
            return true
        }
    }
}
