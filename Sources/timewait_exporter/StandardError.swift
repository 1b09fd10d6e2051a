import Glibc

/// Standard error, for the log and for the one line that says why the command ends.
enum StandardError {
    /// Writes a text in one call, so that lines of two threads do not mix. What cannot be written is lost: there is
    /// nowhere to say so.
    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        unsafe bytes.withUnsafeBytes { bytes in _ = unsafe Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }
}
