import Glibc

/// Standard input, output and error of this process.
enum StandardStreams {
    /// Opens /dev/null in place of each that is closed, or the next file or socket would get its number, and
    /// the log would go there. To be called before anything is opened.
    static func openMissing() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // open() takes the lowest free number, which is this one, and the paths end with NUL.
            if unsafe open("/dev/null", O_RDWR) < 0 {
                // Without /dev. Nothing can be read or written through a folder, but the number is taken.
                _ = unsafe open("/", O_RDONLY)
            }
        }
    }

    /// Writes a line to standard error, and waits until it has been taken: in one call where the kernel takes
    /// it at once, so that lines of two processes do not mix.
    ///
    /// - Returns: false where it could not be written, as on a full disk, or into a pipe that nobody reads any more.
    @discardableResult
    static func writeError(_ line: [UInt8]) -> Bool {
        write(line, to: STDERR_FILENO)
    }

    /// Writes to standard output, and waits until all of it has been taken.
    ///
    /// - Throws: that it cannot be written, as on a full disk, and why.
    static func writeOutput(_ bytes: [UInt8]) throws {
        guard !write(bytes, to: STDOUT_FILENO) else { return }
        // strerror() gives a text that lives at least until the next call on this thread; it is copied at once.
        let reason = unsafe String(cString: strerror(errno))
        throw StartError(description: "cannot write to standard output: \(reason)")
    }

    /// Writes to a file.
    ///
    /// - Returns: whether all of it was taken; else `errno` says why not.
    static func write(_ bytes: [UInt8], to file: CInt) -> Bool {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe Glibc.write(file, bytes.baseAddress?.advanced(by: start), bytes.count - start)
            }
            switch count {
            case 1...: start += count
            case _ where errno == EINTR: continue
            case _ where errno == EAGAIN:
                // Whoever shares this end of the pipe has made it non-blocking.
                var interest = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
                unsafe poll(&interest, 1, -1)
            default: return false
            }
        }
        return true
    }
}
