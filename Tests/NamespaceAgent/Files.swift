import Glibc

/// Opens a file of /proc for as long as `body` needs it.
func withFile<Result>(
    _ path: String,
    _ flags: Int32,
    _ body: (_ descriptor: Int32) throws(Failure) -> Result
) throws(Failure) -> Result {
    let descriptor = unsafe open(path, flags | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(call: "open \(path)") }
    defer { close(descriptor) }
    return try body(descriptor)
}

/// The text of a small file of /proc, which one read() gives whole.
func readAll(_ path: String) throws(Failure) -> String {
    try withFile(path, O_RDONLY) { descriptor throws(Failure) in
        String(decoding: try readChunk(descriptor, path), as: UTF8.self)
    }
}

/// What one read() of a file of /proc gives; empty at its end.
func readChunk(_ descriptor: Int32, _ path: String) throws(Failure) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    guard count >= 0 else { throw Failure(call: "read \(path)") }
    return Array(buffer[..<count])
}
