import Glibc

/// The kernel's CLOCK_MONOTONIC, against which the age of a page is measured.
enum MonotonicClock {
    static var now: Duration { time(of: CLOCK_MONOTONIC) }

    /// The CPU time of the calling thread.
    static var threadTime: Duration { time(of: CLOCK_THREAD_CPUTIME_ID) }

    private static func time(of clock: clockid_t) -> Duration {
        var time = timespec()
        // These clocks exist on every kernel that Swift runs on; the call cannot fail.
        unsafe clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
