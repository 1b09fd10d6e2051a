import Synchronization
import System

/// A token bucket: it holds so many tokens and gets one more each interval, and each request takes
/// one.
final class RateLimiter: Sendable {
    private let interval: Duration
    private let burst: Double
    private let bucket: Mutex<(tokens: Double, filledAt: Duration)>

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - interval: the time in which a token comes; above zero.
    ///   - burst: how many tokens it holds; 0 rejects every request.
    init(interval: Duration, burst: Int) {
        self.interval = interval
        self.burst = Double(burst)
        bucket = Mutex((Double(burst), SystemClock.monotonic.now))
    }

    /// Takes a token if there is one.
    ///
    /// - Returns: nil where there is; else the time until there is one, 0 for never.
    func wait() -> Duration? {
        bucket.withLock { bucket in
            let now = SystemClock.monotonic.now
            bucket.tokens = min(burst, bucket.tokens + (now - bucket.filledAt) / interval)
            bucket.filledAt = now
            guard bucket.tokens < 1 else {
                bucket.tokens -= 1
                return nil
            }
            return burst < 1 ? .zero : interval * (1 - bucket.tokens)
        }
    }

    /// Whether there is a token, which is taken.
    func admits() -> Bool { wait() == nil }
}
