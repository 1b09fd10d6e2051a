import Glibc

/// Writes a file so that nobody ever finds a part of it.
enum AtomicFile {
    /// Replaces the file at a path, or makes it, with mode 0644. The new one is written beside it,
    /// reaches the disk, and takes its name; where that fails the old one stays.
    ///
    /// - Throws: the path, what failed, and why.
    static func write(_ bytes: [UInt8], to path: String) throws {
        // A signal may end the process before or after, but not leave a temporary file behind.
        var held = sigset_t()
        var before = sigset_t()
        // These write into the sets that they are given, and cannot fail.
        unsafe sigfillset(&held)
        unsafe pthread_sigmask(SIG_BLOCK, &held, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }

        // The collector of text files reads names that end with .prom.
        var temporary = Array("\(path).XXXXXX".utf8CString)
        // It writes six characters over the X, which end with NUL.
        let file = unsafe mkstemp(&temporary)
        guard file >= 0 else { throw failure("create a file beside", path) }
        do {
            try fill(file, bytes, path)
            // Both end with NUL and outlive the call.
            guard unsafe rename(temporary, path) == 0 else { throw failure("replace", path) }
        } catch {
            // As above. The error says why there is no new file; more cannot be done.
            unsafe unlink(temporary)
            throw error
        }
    }

    /// Fills the new file and closes it.
    private static func fill(_ file: CInt, _ bytes: [UInt8], _ path: String) throws {
        defer { close(file) }
        guard StandardStreams.write(bytes, to: file), fchmod(file, 0o644) == 0, fsync(file) == 0 else {
            throw failure("write", path)
        }
    }

    /// The failure of the system call that was made last.
    private static func failure(_ what: String, _ path: String) -> StartError {
        // strerror() gives a text that lives at least until the next call on this thread; it is
        // copied at once.
        StartError(description: "--output '\(path)': cannot \(what) it: \(unsafe String(cString: strerror(errno)))")
    }
}
