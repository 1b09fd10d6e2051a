/// A moment on the kernel's monotonic clock. Setting the time does not change this clock, and it
/// stops while the machine is suspended, as the timers of TIME_WAIT do.
public struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock started.
    public let nanoseconds: Int64

    /// Creates a moment from its nanoseconds.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Whether `left` is earlier.
    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The moment `seconds` later.
    public static func + (instant: Instant, seconds: Double) -> Instant {
        Instant(nanoseconds: instant.nanoseconds + Int64(seconds * 1e9))
    }

    /// The seconds from `right` to `left`.
    public static func - (left: Instant, right: Instant) -> Double {
        Double(left.nanoseconds - right.nanoseconds) / 1e9
    }
}
