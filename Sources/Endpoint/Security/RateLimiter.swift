import Synchronization

/// A token bucket: it holds so many tokens and gets one more each interval, and each request takes one.
final class RateLimiter: Sendable {
    private let interval: Duration
    private let burst: Double
    private let bucket: Mutex<(tokens: Double, filledAt: Duration)>

    enum Admission {
        case admitted
        /// Not now; after this time, or never.
        case refused(Duration?)
    }

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - interval: the time in which a token comes; above zero.
    ///   - burst: how many tokens it holds; 0 lets no request pass, ever.
    init(interval: Duration, burst: Int, now: Duration) {
        self.interval = interval
        self.burst = Double(burst)
        bucket = Mutex((Double(burst), now))
    }

    /// Whether a request may pass now.
    func admit(at now: Duration) -> Admission {
        bucket.withLock { bucket in
            bucket.tokens = min(burst, bucket.tokens + (now - bucket.filledAt) / interval)
            bucket.filledAt = now
            guard bucket.tokens < 1 else {
                bucket.tokens -= 1
                return .admitted
            }
            return .refused(burst < 1 ? nil : interval * (1 - bucket.tokens))
        }
    }
}
