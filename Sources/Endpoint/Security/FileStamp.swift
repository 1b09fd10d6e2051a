import Glibc

/// What tells that a file was changed or replaced; nil members where it could not be looked at.
struct FileStamp: Equatable, Sendable {
    private let device: UInt
    private let inode: UInt
    private let size: Int
    private let modified: Duration
    private let changed: Duration

    /// Looks at a file, through symbolic links; nil where there is none to be seen.
    init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        size = Int(status.st_size)
        modified = .seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
        changed = .seconds(status.st_ctim.tv_sec) + .nanoseconds(status.st_ctim.tv_nsec)
    }

    /// Whether the file was changed so short a time ago that another change may leave the same stamp: many kernels note
    /// times in ticks of up to 10 ms.
    var isFresh: Bool {
        var now = timespec()
        // This clock exists on every kernel; the call cannot fail.
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        let age = .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec) - changed
        return age < .milliseconds(50)
    }
}
