import Glibc

package struct Signals {
    private var set = sigset_t()

    private init(_ set: sigset_t) { self.set = set }

    package init(_ numbers: [CInt]) {
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
    }

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
    /// - Throws: that a filter of system calls denies it, or has denied blocking them. It has not
    ///   waited then.
    package func wait(atMost seconds: Double) throws(SystemError) -> CInt? {
        var blocked = sigset_t()
        let denied = unsafe pthread_sigmask(SIG_BLOCK, nil, &blocked)
        guard denied == 0 else { throw SystemError(call: "rt_sigprocmask", path: "signals", errno: denied) }
        let nanoseconds = Int(max(0, seconds) * 1e9)
        var set = set
        var time = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
        let number = unsafe sigtimedwait(&set, nil, &time)
        if number > 0 { return number }
        let failure = errno
        if failure == EAGAIN || failure == EINTR { return nil }
        throw SystemError(call: "rt_sigtimedwait", path: "signals", errno: failure)
    }

    /// Lets each of these signals end this process at once, with status 0, in place of waiting.
    package func endProcess() {
        // As a handler and not by default: process 1 of a namespace, as in a container, takes no
        // notice of a signal without one. _exit(2) may be called there.
        for number in numbers { _ = signal(number) { _ in _exit(0) } }
        unblock()
    }

    /// Lets each of these signals do nothing.
    package func ignore() {
        for number in numbers { _ = signal(number, SIG_IGN) }
    }

    private var numbers: [CInt] {
        var set = set
        return (1..<32).filter { unsafe sigismember(&set, $0) == 1 }
    }

    /// Ends this process as a signal does that has no handler.
    package static func raise(_ number: CInt) { _ = Glibc.raise(number) }

    /// Makes writing to a pipe without a reader fail, in place of ending the process.
    package static func ignoreClosedPipes() { Signals([SIGPIPE]).ignore() }

    /// Makes writing to a file that has reached RLIMIT_FSIZE fail, in place of ending the process.
    package static func ignoreFullFiles() { Signals([SIGXFSZ]).ignore() }
}
