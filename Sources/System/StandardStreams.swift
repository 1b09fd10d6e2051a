import Glibc

/// Standard input, output and error of this process.
package enum StandardStreams {
    /// Opens /dev/null in place of each that is closed. The next file or socket would get its
    /// number otherwise, and the log would go there. To be called before anything is opened.
    package static func openMissing() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // open() takes the lowest free number, which is this one.
            if unsafe open("/dev/null", O_RDWR) < 0 {
                // Without /dev. Nothing can be read or written through a folder, but the number is
                // taken.
                _ = unsafe open("/", O_RDONLY)
            }
        }
    }

    /// Writes to standard error, and waits until all of it has been taken: in one call where the
    /// kernel takes it at once, so that lines of two processes do not mix.
    ///
    /// - Returns: false where it could not be written, as on a full disk, or into a pipe without a
    ///   reader.
    @discardableResult
    package static func writeError(_ line: [UInt8]) -> Bool {
        (try? writeAll(line, to: STDERR_FILENO, "standard error")) != nil
    }

    /// Writes to standard output, and waits until all of it has been taken.
    package static func writeOutput(_ bytes: [UInt8]) throws(SystemError) {
        try writeAll(bytes, to: STDOUT_FILENO, "standard output")
    }

    package static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    package static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// The size of the terminal behind standard output; zeros where it has none.
    package static var terminalSize: (columns: Int, rows: Int) {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return (0, 0) }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
