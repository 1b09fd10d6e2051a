import CMicrohttpd
import Synchronization
import WebConfiguration

/// What the callbacks of libmicrohttpd see: which answer a request gets.
final class Site: Sendable {
    let settings: Endpoint.Settings
    let report: @Sendable (Endpoint.Event) -> Void
    let connections: Connections
    /// Announces that a connection has ended, and there may be room.
    let doorbell = WakeUp()

    let file: SettingsFile?
    private let withoutFile: SettingsInForce
    private let passwords = PasswordChecker()
    private let begun = MonotonicClock.now
    private let handshakeLines = RateLimiter(interval: .seconds(10), burst: 5)
    private let state = Mutex(State())

    private struct State {
        var page: Publication?
        var isStopping = false
    }

    init(_ settings: Endpoint.Settings, report: @escaping @Sendable (Endpoint.Event) -> Void) throws(EndpointError) {
        self.settings = settings
        self.report = report
        connections = Connections(settings)
        do throws(Problem) {
            withoutFile = try SettingsInForce(settings)
            file = try settings.configurationFile.map { path throws(Problem) in
                try SettingsFile(path, settings, report: report)
            }
        } catch {
            throw .badConfiguration("\(error)")
        }
    }

    var settingsInForce: SettingsInForce { file?.inForce ?? withoutFile }

    func publish(_ page: Publication) {
        // The old page goes out of the lock with its last reference, so that no scrape waits while its memory is freed.
        let old = state.withLock { state in
            defer { state.page = page }
            return state.page
        }
        connections.resumeAll(waitingFor: .firstPage)
        connections.release(pagesBefore: page)
        _ = consume old
    }

    /// Lets no request wait any longer: from now on they are answered with 503 where they would have to.
    func stopWaiting() {
        state.withLock { $0.isStopping = true }
        passwords.stop()
        connections.resumeAll()
    }

    func forget(_ descriptor: CInt) {
        let failed = connections.remove(descriptor)
        doorbell.announce()
        guard let (client, failure, detail) = failed, handshakeLines.admits() else { return }
        report(.handshakeFailed(client: client, reason: failure.rawValue, detail: detail))
    }

    /// Answers a request whose body is read, or suspends its connection, so that it is asked for again.
    func answer(_ request: Connections.Request, _ asked: (method: String, path: String), on connection: Connection)
        -> MHD_Result
    {
        guard let answer = response(to: request, asked, on: connection) else { return .YES }
        return send(answer, to: asked, on: connection)
    }

    /// Queues an answer, counts it and reports it.
    func send(_ answer: Response, to asked: (method: String, path: String), on connection: Connection) -> MHD_Result {
        let entry = connections[connection.descriptor]
        // A session that was made with other settings than those of now is not used any longer.
        let isOutdated = entry?.tls != nil && entry?.tls !== settingsInForce.tls
        let answer = isOutdated ? answer.closing : answer
        connections.answer(connection.descriptor, with: answer)
        let (status, client) = (Int(answer.status.rawValue), entry?.client ?? "")
        report(.request(method: asked.method, path: asked.path, status: status, client: client))
        return answer.queue(on: connection) ? .YES : .NO
    }

    /// nil where the connection was suspended.
    private func response(
        to request: Connections.Request,
        _ asked: (method: String, path: String),
        on connection: Connection
    ) -> Response? {
        var request = request
        let inForce = settingsInForce
        let answers = inForce.answers
        let (page, isStopping) = state.withLock { ($0.page, $0.isStopping) }
        if isStopping { return answers.stopping }
        let route = Route(asked.path, telemetryPath: settings.telemetryPath)
        if !request.isAdmitted, !route.isProbe {
            if let wait = inForce.rateLimiter?.wait() { return answers.tooManyRequests(retryAfter: wait) }
            request.isAdmitted = true
        }
        if !inForce.users.isEmpty, request.password != .right {
            if let verdict = request.password { return answers.refusal(verdict) }
            guard let credentials = connection.credentials else { return answers.refusal(.wrong) }
            if let question = passwords.question(of: credentials, among: inForce.users) {
                ask(question, for: request, on: connection)
                return nil
            }
            request.password = .right
        }
        let isStale = MonotonicClock.now - (page?.sampledAt ?? begun) > settings.maximumAge
        switch (route, asked.method) {
        case (.nothing, _): return answers.notFound
        case (.malformed, _):
            return answers.answer(.badRequest, "The target of the request is neither a path nor a URI.")
        case (_, "OPTIONS"): return answers.options
        case (.everything, _): return answers.answer(.badRequest, "Only OPTIONS has the target *.")
        case (_, let method) where method != "GET" && method != "HEAD": return answers.methodNotAllowed
        case (.elsewhere(let path), _): return answers.moved(to: path, connection.arguments)
        case (.landing, _): return answers.landing
        case (.healthy, _): return isStale ? answers.stale : answers.healthy
        case (.ready, _): return isStale ? answers.stale : page == nil ? answers.noPageYet : answers.ready
        case (.page, _):
            if let page { return isStale ? answers.stale : content(of: page, for: connection, inForce) }
            if request.hasWaited || settings.firstPageWait <= .zero { return answers.noPageYet }
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
            return inForce.answers.answer(.badRequest, error.sentence)
        }
    }
}
