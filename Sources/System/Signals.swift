import Glibc

/// A set of signals.
package struct Signals {
    private var set = sigset_t()

    private init(_ set: sigset_t) { self.set = set }

    package init(_ numbers: [CInt]) {
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
    }

    /// Every signal.
    package static var all: Signals {
        var set = sigset_t()
        unsafe sigfillset(&set)
        return Signals(set)
    }

    /// Blocks these signals on this thread and those that it starts from now on.
    ///
    /// - Returns: the signals that were blocked before.
    @discardableResult
    package func block() -> Signals {
        var (set, before) = (set, sigset_t())
        unsafe pthread_sigmask(SIG_BLOCK, &set, &before)
        return Signals(before)
    }

    /// Blocks these signals on this thread no longer.
    package func unblock() {
        var set = set
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Blocks these signals on this thread, and no others.
    package func setMask() {
        var set = set
        unsafe pthread_sigmask(SIG_SETMASK, &set, nil)
    }

    /// Waits for one of these signals, which have to be blocked.
    ///
    /// - Returns: its number; nil when the time was over, or after another signal.
    package func wait(atMost seconds: Double) -> CInt? {
        let nanoseconds = Int(max(0, seconds) * 1e9)
        var set = set
        var time = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
        let number = unsafe sigtimedwait(&set, nil, &time)
        return number > 0 ? number : nil
    }

    /// Ends this process as a signal does that has no handler.
    package static func raise(_ number: CInt) { _ = Glibc.raise(number) }

    /// Makes writing to a pipe without a reader fail, in place of ending the process.
    package static func ignorePipe() { _ = signal(SIGPIPE, SIG_IGN) }
}
