package import Model
import System

/// The kernel's clocks, in the units of Model.
package enum Clock: Sendable {
    /// In seconds since 1970. It jumps when the time is set.
    case realtime
    /// CPU time of the calling thread.
    case threadCPU

    /// The present time of CLOCK_MONOTONIC.
    package static var now: Instant { Instant(nanoseconds: SystemClock.monotonic.nanoseconds) }

    /// The present time in seconds.
    package var seconds: Double {
        switch self {
        case .realtime: SystemClock.realtime.seconds
        case .threadCPU: SystemClock.threadCPU.seconds
        }
    }
}
