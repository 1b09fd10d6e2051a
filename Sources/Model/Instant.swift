/// A moment on the kernel's monotonic clock, in nanoseconds. The clock does not jump when somebody sets the time, and
/// stops while the machine sleeps, as the timers of TIME_WAIT do.
public struct Instant: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's start.
    public let nanoseconds: Int64

    /// A moment from its nanoseconds.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Whether this moment comes first.
    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The moment a number of seconds later.
    public static func + (instant: Instant, seconds: Double) -> Instant {
        Instant(nanoseconds: instant.nanoseconds + Int64(seconds * 1e9))
    }

    /// The seconds from the right moment to the left.
    public static func - (left: Instant, right: Instant) -> Double {
        Double(left.nanoseconds - right.nanoseconds) / 1e9
    }
}
