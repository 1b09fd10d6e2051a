/// How long TIME_WAIT lasts in a network namespace, and every time that follows from it. These
/// numbers stand nowhere else.
public struct TimeWaitTiming: Equatable, Sendable {
    /// What a TIME_WAIT's timer is set to, in seconds: TCP_TIMEWAIT_LEN (include/net/tcp.h), or
    /// `tcp_tw_timeout` on kernels that have it (Alibaba Cloud Linux, 1 to 600 s).
    public let seconds: Double
    /// `seconds` as a row's timer counts.
    public let milliseconds: UInt32

    /// How long after that a TIME_WAIT may still be there, in seconds: the kernel's timers round
    /// up, by as much as 4.096 s at HZ=1000 (calc_index(), kernel/time/timer.c).
    public static let timerRounding = 4.1

    /// `timerRounding` at HZ=100.
    public static let timerRoundingAtHZ100 = 5.1

    /// The timing in a namespace.
    ///
    /// - Parameter sysctls: those of the namespace; without `tcp_tw_timeout`, TCP_TIMEWAIT_LEN
    ///   counts.
    public init(_ sysctls: SysctlValues? = nil) {
        let timeout = sysctls?[.tcpTWTimeout] ?? 60
        milliseconds = UInt32(timeout) * 1000
        seconds = Double(timeout)
    }

    /// The longest time for which a TIME_WAIT can hold a port, in seconds.
    public var longest: Double { seconds + Self.timerRounding }

    /// How long a port stays in TIME_WAIT in the mean, in seconds: the timers of HZ=250 round up by
    /// 0 to 2.048 s.
    public var meanLifetime: Double { seconds + 1 }

    /// How long a listener that vanished is remembered, in seconds: its TIME_WAITs outlive it by at
    /// most that.
    public var listenerMemory: Double { seconds + Double(Self.listenerMargin) }

    /// What `listenerMemory` has beyond the length of TIME_WAIT, in seconds.
    public static let listenerMargin = 5

    /// How long a destination that had no port left is taken to want more than it gets, in seconds.
    public var exhaustionMemory: Double { seconds }

    /// How long a TIME_WAIT counts as new, in seconds.
    public static let newAge = Double(newAgeInMilliseconds) / 1000

    /// `newAge` in milliseconds.
    @inlinable public static var newAgeInMilliseconds: UInt32 { 10_000 }

    /// The age of a TIME_WAIT, in seconds, at least where its time is over. One that began under a
    /// longer timeout is taken to have just begun.
    public func age(timerRemaining: UInt32) -> Double {
        Double(ageInMilliseconds(timerRemaining: timerRemaining)) / 1000
    }

    /// `age` in milliseconds.
    @inlinable
    @inline(__always)
    public func ageInMilliseconds(timerRemaining: UInt32) -> UInt32 {
        timerRemaining < milliseconds ? milliseconds - timerRemaining : 0
    }
}
