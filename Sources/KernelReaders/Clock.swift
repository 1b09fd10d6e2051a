import Glibc
package import Model

/// The kernel's clocks.
package enum Clock: Sendable {
    /// Seconds since 1970. It jumps when somebody sets the time.
    case realtime
    /// Since the machine started, its sleep included.
    case boottime
    /// CPU time of this process.
    case processCPU
    /// CPU time of the calling thread.
    case threadCPU

    /// The monotonic clock's present moment.
    package static var now: Instant {
        let time = read(CLOCK_MONOTONIC)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// What the clock says, in seconds.
    package var seconds: Double {
        let time =
            switch self {
            case .realtime: Self.read(CLOCK_REALTIME)
            case .boottime: Self.read(CLOCK_BOOTTIME)
            case .processCPU: Self.read(CLOCK_PROCESS_CPUTIME_ID)
            case .threadCPU: Self.read(CLOCK_THREAD_CPUTIME_ID)
            }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        // These clocks exist on every kernel that Swift runs on; the call cannot fail.
        unsafe clock_gettime(clock, &time)
        return time
    }
}
