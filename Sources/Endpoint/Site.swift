import Synchronization

/// What the callbacks of libmicrohttpd see: which answer a request gets, and what is counted meanwhile.
final class Site: Sendable {
    /// Seconds without a byte after which a connection is closed, by what it is doing.
    let requestTimeout: UInt32
    let idleTimeout: UInt32
    /// Where libmicrohttpd's own log lines go.
    let log: @Sendable (String) -> Void
    let counts = AnswerCounts()
    /// Answers that are queued and not yet handed to the kernel to their last byte.
    let answersOnTheirWay = Atomic(0)

    private let telemetryPath: TelemetryPath
    private let maximumAge: Duration
    private let fixed: FixedResponses
    private let published = Mutex(Published?.none)

    private struct Published {
        let response: Response
        let sampledAt: Duration
    }

    init(_ settings: Endpoint.Settings, log: @escaping @Sendable (String) -> Void) {
        requestTimeout = UInt32(settings.requestTimeout)
        idleTimeout = UInt32(settings.idleTimeout)
        telemetryPath = settings.telemetryPath
        maximumAge = settings.maximumAge
        fixed = FixedResponses(settings)
        self.log = log
    }

    func publish(_ page: Endpoint.Page, sampledAt: Duration) {
        let new = Published(response: Response(.ok, page), sampledAt: sampledAt)
        // The old response goes out of the lock with its last reference, so that no scrape waits while its memory is
        // freed.
        let old = published.withLock { current in
            let old = current
            current = new
            return old
        }
        _ = consume old
    }

    /// The answer to a request; `path` is without its query.
    func response(to method: String, at path: String) -> Response {
        guard let route = Route(path, telemetryPath: telemetryPath) else { return fixed.notFound }
        guard method == "GET" || method == "HEAD" else { return fixed.methodNotAllowed }
        switch route {
        case .landing: return fixed.landing
        case .healthy: return fixed.healthy
        case .page, .ready:
            guard let current = published.withLock({ $0 }) else { return fixed.noPageYet }
            if MonotonicClock.now - current.sampledAt > maximumAge { return fixed.stale }
            return route == .page ? current.response : fixed.ready
        }
    }
}
