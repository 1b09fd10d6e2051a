import Glibc

/// The signals that end the exporter, taken one by one where it is convenient and not wherever a thread happens to be.
struct StopSignals {
    private var signals = sigset_t()

    /// Holds the signals back from now on, on this thread and those it starts. To be called before any thread starts.
    init() {
        // All of these write into the set only; they fail for signal numbers that do not exist.
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGTERM)
        unsafe sigaddset(&signals, SIGINT)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        // A log whose reader went away must not end the exporter.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for one of the signals.
    ///
    /// - Parameter seconds: how long to wait; negative is not at all.
    /// - Returns: the name of the signal; nil when the time was over.
    mutating func wait(atMost seconds: Double) -> String? {
        let nanoseconds = Int(max(0, seconds) * 1e9)
        var time = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
        switch unsafe sigtimedwait(&signals, nil, &time) {
        case SIGTERM: return "SIGTERM"
        case SIGINT: return "SIGINT"
        // The time was over, or another signal interrupted the wait: the caller sees what is due.
        default: return nil
        }
    }
}
