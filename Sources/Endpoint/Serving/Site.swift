import Synchronization

/// What the callbacks of libmicrohttpd see: which answer a request gets, and what is counted meanwhile.
final class Site: Sendable {
    let settings: Endpoint.Settings
    /// Where lines for the log go.
    let report: @Sendable (Endpoint.Event) -> Void
    let counts = AnswerCounts()
    let connections: OpenConnections
    /// Answers that are queued and not yet handed to the kernel to their last byte.
    let answersOnTheirWay = Atomic(0)
    /// Requests that are whole and have no answer yet; their connections may be suspended.
    let requestsWithoutAnswer = Atomic(0)

    private let file: SettingsFile?
    private let withoutFile: SettingsInForce
    private let passwords = PasswordChecker()
    private let isStopping = Atomic(false)
    private let pages = Guarded(Pages())

    private struct Pages {
        var current: Publication?
        /// Connections that wait for the first page.
        var waiting: [ConnectionRecord] = []
        /// Whether none may wait any longer.
        var isClosed = false
    }

    init(_ settings: Endpoint.Settings, report: @escaping @Sendable (Endpoint.Event) -> Void) throws(EndpointError) {
        self.settings = settings
        self.report = report
        connections = OpenConnections(
            limitPerClient: settings.connectionLimitPerAddress,
            requestTimeout: .seconds(settings.requestTimeout)
        )
        withoutFile = SettingsInForce(settings)
        do {
            file = try settings.configurationFile.map { try SettingsFile($0, settings, report: report) }
        } catch {
            throw .badConfiguration("\(error)")
        }
    }

    /// What the web configuration says now.
    var settingsInForce: SettingsInForce { file?.current ?? withoutFile }

    /// How the web configuration file was read last; nil where there is none.
    var reload: Endpoint.Reload? { file?.reload }

    func publish(_ page: Endpoint.Page, sampledAt: Duration) {
        let new = Publication(page, sampledAt: sampledAt)
        // The old page goes out of the lock with its last reference, so that no scrape waits while its memory is freed.
        let old = pages.withLock { pages in
            let old = pages
            pages.current = new
            pages.waiting = []
            return old
        }
        for record in old.waiting { record.resume() }
        _ = consume old
    }

    /// Lets no request wait any longer: from now on they are answered with 503 where they would have to.
    func stopWaiting() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        passwords.stop()
        let waiting = pages.withLock { pages in
            pages.isClosed = true
            defer { pages.waiting = [] }
            return pages.waiting
        }
        for record in waiting { record.resume() }
    }

    /// Whether a connection may be suspended.
    var isWaiting: Bool { requestsWithoutAnswer.load(ordering: .relaxed) > 0 }

    /// Whether an answer is on its way or has still to be given.
    var isBusy: Bool { isWaiting || answersOnTheirWay.load(ordering: .relaxed) > 0 }

    /// Ends the threads that serve no connection themselves, after stopWaiting() and when nothing waits any more.
    func endThreads() {
        passwords.join()
        connections.stop()
    }

    /// The answer to a request whose body is read; nil where the connection was suspended, and the request will be asked
    /// for again.
    ///
    /// - Parameter path: without the query.
    func response(to method: String, at path: String, on connection: Connection, _ record: ConnectionRecord)
        -> Response?
    {
        let settings = settingsInForce
        let fixed = settings.fixed
        let progress = record.request.withLock { $0 }
        let headers = connection.headers
        if isStopping.load(ordering: .sequentiallyConsistent) { return fixed.stopping }
        if !progress.isAdmitted {
            if let limiter = settings.rateLimiter, !limiter.admits(at: MonotonicClock.now) {
                return fixed.tooManyRequests
            }
            record.request.withLock { $0.isAdmitted = true }
        }
        if !settings.users.isEmpty {
            let authorization = headers.joined("Authorization")
            let verdict =
                progress.password
                ?? passwords.verdict(on: authorization, among: settings.users, for: connection, record)
            switch verdict {
            case nil: return nil
            case .right: record.request.withLock { $0.password = .right }
            case .wrong: return fixed.unauthorized
            case .unchecked: return fixed.tooManyPasswords
            }
        }
        guard let route = Route(path, telemetryPath: self.settings.telemetryPath) else { return fixed.notFound }
        guard method == "GET" || method == "HEAD" else { return fixed.methodNotAllowed }
        switch route {
        case .landing: return fixed.landing
        case .healthy: return fixed.healthy
        case .ready:
            guard let page = pages.withLock({ $0.current }) else { return fixed.noPageYet }
            return isStale(page) ? fixed.stale : fixed.ready
        case .page:
            switch firstPage(for: connection, record) {
            case .suspended: return nil
            case .none: return fixed.noPageYet
            case .there(let page):
                if isStale(page) { return fixed.stale }
                return response(with: page, headers, Query.arguments(of: progress.target), settings)
            }
        }
    }

    private func response(
        with page: Publication,
        _ headers: RequestHeaders,
        _ arguments: [(name: String, value: String)],
        _ settings: SettingsInForce
    ) -> Response {
        do throws(SectionFilter.Refusal) {
            let form = Publication.Form(
                accept: headers.joined("Accept"),
                acceptEncoding: headers.joined("Accept-Encoding"),
                filter: try SectionFilter(arguments, among: page.sectionNames)
            )
            return page.response(in: form, headers: settings.fixed.headers, of: settings.number)
        } catch {
            return settings.fixed.badRequest(error.sentence)
        }
    }

    private func isStale(_ page: Publication) -> Bool {
        MonotonicClock.now - page.sampledAt > settings.maximumAge
    }

    private enum FirstPage {
        case there(Publication)
        /// There is none yet; the connection goes on when there is one, or when its patience is over.
        case suspended
        /// There is none yet, and the connection has waited for it.
        case none
    }

    private func firstPage(for connection: Connection, _ record: ConnectionRecord) -> FirstPage {
        pages.withLock { pages in
            if let page = pages.current { return .there(page) }
            let hasWaited = record.request.withLock { progress in
                defer { progress.hasWaited = true }
                return progress.hasWaited
            }
            if hasWaited || pages.isClosed { return .none }
            record.suspend(connection, until: MonotonicClock.now + settings.firstPageWait)
            pages.waiting.append(record)
            return .suspended
        }
    }
}
