/// A token bucket: it holds so many tokens and gets one more each interval, and each request takes one.
final class RateLimiter: Sendable {
    private let interval: Duration
    private let burst: Double
    private let bucket: Guarded<(tokens: Double, filledAt: Duration)>

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - interval: the time in which a token comes; above zero.
    ///   - burst: how many tokens it holds; 0 lets no request pass, ever.
    init(interval: Duration, burst: Int, now: Duration) {
        self.interval = interval
        self.burst = Double(burst)
        bucket = Guarded((Double(burst), now))
    }

    /// Whether a request may pass now.
    func admits(at now: Duration) -> Bool {
        bucket.withLock { bucket in
            bucket.tokens = min(burst, bucket.tokens + (now - bucket.filledAt) / interval)
            bucket.filledAt = now
            guard bucket.tokens >= 1 else { return false }
            bucket.tokens -= 1
            return true
        }
    }
}
