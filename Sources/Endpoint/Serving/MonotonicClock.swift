import Glibc

/// The kernel's CLOCK_MONOTONIC, against which the age of a page is measured.
enum MonotonicClock {
    static var now: Duration {
        var time = timespec()
        // This clock exists on every kernel that Swift runs on; the call cannot fail.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
