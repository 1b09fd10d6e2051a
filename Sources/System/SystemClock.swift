import Glibc

/// The kernel's clocks.
package enum SystemClock: Sendable {
    /// CLOCK_MONOTONIC.
    case monotonic
    /// Since 1970. It jumps when the time is set.
    case realtime
    /// Since boot, including suspended time.
    case boottime
    /// CPU time of this process.
    case processCPU
    /// CPU time of the calling thread.
    case threadCPU

    /// - Throws: why CPU time cannot be measured, such as a filter of system calls.
    package static func checkCPU() throws(SystemError) {
        for clock in [CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID] {
            var time = timespec()
            try syscall("clock_gettime", on: "CPU time") { unsafe clock_gettime(clock, &time) }
        }
    }

    /// The present time.
    package var now: Duration {
        let time = read()
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// The present time in nanoseconds.
    package var nanoseconds: Int64 {
        let time = read()
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// The present time in seconds.
    package var seconds: Double {
        let time = read()
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func read() -> timespec {
        let clock =
            switch self {
            case .monotonic: CLOCK_MONOTONIC
            case .realtime: CLOCK_REALTIME
            case .boottime: CLOCK_BOOTTIME
            case .processCPU: CLOCK_PROCESS_CPUTIME_ID
            case .threadCPU: CLOCK_THREAD_CPUTIME_ID
            }
        var time = timespec()
        // These clocks exist on every kernel that Swift runs on. Only a filter of system calls can
        // deny them: see checkCPU().
        unsafe clock_gettime(clock, &time)
        return time
    }

    /// Sleeps for a time below an hour, or until a signal handler runs.
    package static func sleep(for time: Duration) {
        let microseconds = time / .microseconds(1)
        if microseconds > 0 { usleep(UInt32(min(microseconds, 3.6e9))) }
    }

    /// The present time in UTC: `2026-11-23T10:00:00.000Z`.
    package static func timestamp() -> String {
        let now = Self.realtime.read()
        var seconds = now.tv_sec
        var date = unsafe tm()
        // tm is unsafe for its pointer to the name of the time zone.
        unsafe gmtime_r(&seconds, &date)
        func digits(_ number: CInt, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let day = unsafe [digits(date.tm_year + 1900, 4), digits(date.tm_mon + 1, 2), digits(date.tm_mday, 2)]
        let time = unsafe [digits(date.tm_hour, 2), digits(date.tm_min, 2), digits(date.tm_sec, 2)]
        let milliseconds = digits(CInt(now.tv_nsec / 1_000_000), 3)
        return "\(day.joined(separator: "-"))T\(time.joined(separator: ":")).\(milliseconds)Z"
    }
}
