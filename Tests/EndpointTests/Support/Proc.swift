import Foundation

/// The text of a file of /proc. String(contentsOfFile:) reads such a file once and no further.
func textOfProc(_ name: String) throws -> String {
    let bytes = try FileHandle(forReadingFrom: URL(filePath: "/proc/" + name)).readToEnd() ?? Data()
    return String(decoding: bytes, as: UTF8.self)
}
