import CMicrohttpd
import Synchronization

/// What the callbacks of libmicrohttpd see: which answer a request gets.
final class Site: Sendable {
    let settings: Endpoint.Settings
    /// Where lines for the log go.
    let report: @Sendable (Endpoint.Event) -> Void
    let connections: Connections
    /// Announces that a connection has ended, and there may be room.
    let doorbell = WakeUp()

    private let file: SettingsFile?
    private let withoutFile: SettingsInForce
    private let passwords = PasswordChecker()
    private let begun = MonotonicClock.now
    private let handshakeLines = RateLimiter(interval: .seconds(10), burst: 5, now: MonotonicClock.now)
    private let state = Mutex(State())

    private struct State {
        var page: Publication?
        var isStopping = false
    }

    init(_ settings: Endpoint.Settings, report: @escaping @Sendable (Endpoint.Event) -> Void) throws(EndpointError) {
        self.settings = settings
        self.report = report
        connections = Connections(settings)
        withoutFile = SettingsInForce(settings)
        do {
            file = try settings.configurationFile.map { try SettingsFile($0, settings, report: report) }
        } catch {
            throw .badConfiguration("\(error)")
        }
    }

    /// What the web configuration says now.
    var settingsInForce: SettingsInForce { file?.inForce ?? withoutFile }

    /// How the web configuration file was read last; nil where there is none.
    var reload: Endpoint.Reload? { file?.reload }

    /// Reads the web configuration file now, and says in the log what came of it.
    func reloadConfiguration() { file?.readSoon() }

    func publish(_ page: Publication) {
        // The old page goes out of the lock with its last reference, so that no scrape waits while its memory is freed.
        let old = state.withLock { state in
            defer { state.page = page }
            return state.page
        }
        connections.resumeAll(waitingFor: .firstPage)
        connections.release(pagesBefore: page, limit: settings.oldPagesLimit)
        _ = consume old
    }

    /// Lets no request wait any longer: from now on they are answered with 503 where they would have to.
    func stopWaiting() {
        state.withLock { $0.isStopping = true }
        passwords.stop()
        connections.resumeAll()
    }

    /// Ends the thread that looks at the files.
    func stop() { file?.stop() }

    /// A connection has ended.
    func forget(_ descriptor: CInt) {
        let failed = connections.remove(descriptor)
        doorbell.announce()
        guard let (client, failure, detail) = failed, case .admitted = handshakeLines.admit(at: MonotonicClock.now)
        else { return }
        report(.handshakeFailed(client: client, reason: failure.rawValue, detail: detail))
    }

    /// Answers a request whose body is read, or suspends its connection, so that it is asked for again.
    func answer(_ request: Connections.Request, _ asked: (method: String, path: String), on connection: Connection)
        -> MHD_Result
    {
        guard let (response, page) = response(to: request, asked, on: connection) else { return .YES }
        return send(response, of: page, to: asked, on: connection)
    }

    /// Queues an answer, counts it and reports it.
    func send(
        _ response: Response,
        of page: Publication? = nil,
        to asked: (method: String, path: String),
        on connection: Connection
    ) -> MHD_Result {
        let entry = connections[connection.descriptor]
        // A session that was made with other settings than those of now is not used any longer.
        let isOutdated = entry?.tls != nil && entry?.tls !== settingsInForce.tls
        connections.answer(connection.descriptor, with: response.status, of: page)
        report(
            .request(
                method: asked.method,
                path: asked.path,
                status: Int(response.status.rawValue),
                client: entry?.client ?? ""
            )
        )
        return (isOutdated ? response.closing : response).queue(on: connection) ? .YES : .NO
    }

    /// The answer to a request, and the page that it is made of; nil where the connection was suspended.
    private func response(
        to request: Connections.Request,
        _ asked: (method: String, path: String),
        on connection: Connection
    ) -> (Response, Publication?)? {
        var request = request
        let inForce = settingsInForce
        let fixed = inForce.fixed
        let (page, isStopping) = state.withLock { ($0.page, $0.isStopping) }
        if isStopping { return (fixed.stopping, nil) }
        let route = Route(asked.path, telemetryPath: settings.telemetryPath)
        if !request.isAdmitted, !route.isProbe {
            switch inForce.rateLimiter?.admit(at: MonotonicClock.now) {
            case nil, .admitted: request.isAdmitted = true
            case .refused(let wait): return (fixed.tooManyRequests(retryAfter: wait), nil)
            }
        }
        let isStale = MonotonicClock.now - (page?.sampledAt ?? begun) > settings.maximumAge
        // Whoever has no password, as a health check, is still told that the process does not work.
        if isStale, route == .healthy, ["GET", "HEAD"].contains(asked.method) { return (fixed.stale, nil) }
        if !inForce.users.isEmpty, request.password != .right {
            if let verdict = request.password { return (fixed.refusal(verdict), nil) }
            switch passwords.look(at: connection.credentials, among: inForce.users) {
            case .verdict(.right): request.password = .right
            case .verdict(let verdict): return (fixed.refusal(verdict), nil)
            case .question(let question):
                ask(question, for: request, on: connection)
                return nil
            }
        }
        switch (route, asked.method) {
        case (.nothing, _): return (fixed.notFound, nil)
        case (.malformed, _): return (fixed.badRequest("The target of the request is neither a path nor a URI."), nil)
        case (_, "OPTIONS"): return (fixed.options, nil)
        case (.everything, _): return (fixed.badRequest("Only OPTIONS has the target *."), nil)
        case (_, "GET"), (_, "HEAD"): break
        default: return (fixed.methodNotAllowed, nil)
        }
        switch route {
        case .nothing, .malformed, .everything: return (fixed.notFound, nil)
        case .elsewhere(let path): return (fixed.moved(to: path, connection.arguments), nil)
        case .landing: return (fixed.landing, nil)
        case .healthy: return (fixed.healthy, nil)
        case .ready: return (isStale ? fixed.stale : page == nil ? fixed.noPageYet : fixed.ready, nil)
        case .page:
            if let page { return isStale ? (fixed.stale, nil) : (content(of: page, for: connection, inForce), page) }
            if request.hasWaited || settings.firstPageWait <= .zero { return (fixed.noPageYet, nil) }
            waitForFirstPage(request, on: connection)
            return nil
        }
    }

    /// Suspends a connection until its password is checked.
    private func ask(_ question: PasswordChecker.Question, for request: Connections.Request, on connection: Connection)
    {
        let descriptor = connection.descriptor
        guard let entry = connections[descriptor] else { return }
        let suspension = Connections.Suspension(reason: .password, handle: connection.suspend())
        // No deadline: it is answered when its turn has come, and the queue is short.
        connections.suspend(descriptor, request, suspension, atMost: nil)
        passwords.check(question, of: entry.client) { [connections] verdict in
            connections.decide(descriptor, number: entry.number, verdict)
        }
    }

    /// Suspends a connection until there is a page, or its patience is over.
    private func waitForFirstPage(_ request: Connections.Request, on connection: Connection) {
        var request = request
        request.hasWaited = true
        let suspension = Connections.Suspension(reason: .firstPage, handle: connection.suspend())
        connections.suspend(connection.descriptor, request, suspension, atMost: settings.firstPageWait)
        // The page may have come since it was looked for.
        let mayGoOn = state.withLock { $0.page != nil || $0.isStopping }
        if mayGoOn { connections.resumeAll(waitingFor: .firstPage) }
    }

    private func content(of page: Publication, for connection: Connection, _ inForce: SettingsInForce) -> Response {
        let headers = connection.headers
        do throws(SectionFilter.Refusal) {
            let filter = try SectionFilter(connection.arguments, among: page.sectionNames)
            return page.response(to: headers, filter, inForce)
        } catch {
            return inForce.fixed.badRequest(error.sentence)
        }
    }
}
