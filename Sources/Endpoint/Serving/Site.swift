import CMicrohttpd
import Synchronization
import System
import WebConfiguration

/// What the callbacks of libmicrohttpd see: which answer a request gets.
final class Site: Sendable {
    let settings: Endpoint.Settings
    let report: @Sendable (Endpoint.Event) -> Void
    let connections: Connections
    let pageMaker: PageMaker
    /// Announces that a connection has ended, and there may be room.
    let doorbell = WakeUp()

    let file: SettingsFile?
    private let withoutFile: SettingsInForce
    private let passwords = PasswordChecker()
    private let begun = SystemClock.monotonic.now
    private let handshakeLines = RateLimiter(interval: .seconds(10), burst: 5)
    private let state = Mutex(State())

    private struct State {
        var page: Publication?
        var isStopping = false
        var lastLibraryLine: String?
    }

    init(_ settings: Endpoint.Settings, report: @escaping @Sendable (Endpoint.Event) -> Void) throws(EndpointError) {
        self.settings = settings
        self.report = report
        connections = Connections(settings)
        pageMaker = PageMaker(settings, connections)
        do throws(Problem) {
            withoutFile = try SettingsInForce(settings)
            file = try settings.configurationFile.map { path throws(Problem) in
                try SettingsFile(path, settings, report: report)
            }
        } catch {
            throw .badConfiguration("\(error)")
        }
    }

    /// What libmicrohttpd has logged last.
    var lastLibraryLine: String? { state.withLock { $0.lastLibraryLine } }

    func noteLibrary(_ line: String) {
        state.withLock { $0.lastLibraryLine = line }
        report(.library(line))
    }

    var settingsInForce: SettingsInForce { file?.inForce ?? withoutFile }

    func publish(_ page: Publication) {
        pageMaker.outdate(by: page)
        // The old page goes out of the lock with its last reference, so that no scrape waits while
        // its memory is freed.
        let old = state.withLock { state in
            defer { state.page = page }
            return state.page
        }
        connections.resumeAll(waitingFor: .firstPage)
        connections.release(pagesBefore: page)
        _ = consume old
    }

    /// Lets no request wait any longer: from now on they are answered with 503 where they would
    /// have to.
    func stopWaiting() {
        state.withLock { $0.isStopping = true }
        passwords.stop()
        pageMaker.stop()
        connections.resumeAll()
    }

    func forget(_ descriptor: CInt) {
        let failed = connections.remove(descriptor)
        doorbell.announce()
        guard let (client, failure, detail) = failed, handshakeLines.admits() else { return }
        report(.handshakeFailed(client: client, reason: failure.rawValue, detail: detail))
    }

    /// Answers a request whose body is read, or suspends its connection, so that it is asked for
    /// again.
    func answer(_ request: Connections.Request, _ asked: (method: String, path: String), on connection: Connection)
        -> MHD_Result
    {
        do throws(RequestFault) {
            guard let answer = try response(to: request, asked, on: connection) else { return .YES }
            return send(answer, to: asked, on: connection)
        } catch {
            return refuse(error, asked, on: connection)
        }
    }

    func refuse(_ fault: RequestFault, _ asked: (method: String, path: String), on connection: Connection) -> MHD_Result
    {
        send(settingsInForce.answers.answer(fault.status, fault.sentence), to: asked, on: connection)
    }

    /// Queues an answer, counts it and reports it.
    private func send(_ answer: Response, to asked: (method: String, path: String), on connection: Connection)
        -> MHD_Result
    {
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
    ) throws(RequestFault) -> Response? {
        var request = request
        let inForce = settingsInForce
        let answers = inForce.answers
        let (page, isStopping) = state.withLock { ($0.page, $0.isStopping) }
        if isStopping { return answers.stopping }
        let route = Route(
            asked.path,
            telemetryPath: settings.telemetryPath,
            onDemand: settings.onDemandPages,
            questions: settings.questions
        )
        if !request.isAdmitted, !route.isProbe {
            if let wait = inForce.rateLimiter?.wait() { return answers.tooManyRequests(retryAfter: wait) }
            request.isAdmitted = true
        }
        let isStale = SystemClock.monotonic.now - (page?.sampledAt ?? begun) > settings.maximumAge
        // Clients without a password, such as a health check, still learn that the process does not
        // work.
        if isStale, route == .healthy, ["GET", "HEAD"].contains(asked.method) { return answers.stale }
        if !inForce.users.isEmpty, request.password != .right {
            if let verdict = request.password { return answers.refusal(verdict) }
            guard let credentials = connection.credentials else { return answers.refusal(.wrong) }
            if let question = passwords.question(of: credentials, among: inForce.users) {
                ask(question, for: request, on: connection)
                return nil
            }
            request.password = .right
        }
        switch (route, asked.method) {
        case (.nothing, _): return answers.notFound
        case (.malformed, _):
            throw RequestFault(sentence: "The target of the request is neither a path nor a URI.")
        case (_, "OPTIONS"): return answers.options
        case (.everything, _): throw RequestFault(sentence: "Only OPTIONS has the target *.")
        case (_, let method) where method != "GET" && method != "HEAD": return answers.methodNotAllowed
        case (.elsewhere(let path), _): return answers.moved(to: path, connection.arguments)
        case (.landing, _): return answers.landing
        case (.healthy, _): return answers.healthy
        case (.ready, _): return isStale ? answers.stale : page == nil ? answers.noPageYet : answers.ready
        case (.question(let place), _): return try answer(toQuestion: place, request, on: connection, inForce)
        case (.page, _), (.onDemand, _):
            guard let page else {
                if request.hasWaited || settings.firstPageWait <= .zero { return answers.noPageYet }
                waitForFirstPage(request, on: connection)
                return nil
            }
            if case .onDemand(let place) = route {
                return try pageOnDemand(place, request, on: connection, inForce)
            }
            if isStale { return answers.stale }
            let filter = try SectionFilter(connection.arguments, among: page.sectionNames)
            return page.response(to: connection.headers, filter, inForce)
        }
    }

    /// Suspends a connection until its password is checked.
    private func ask(_ question: PasswordChecker.Question, for request: Connections.Request, on connection: Connection)
    {
        let descriptor = connection.descriptor
        guard let entry = connections[descriptor] else { return }
        // No deadline: it is answered when its turn has come, and the queue is short.
        suspend(connection, request, for: .password, atMost: .seconds(Int64.max / 2))
        passwords.check(question, of: entry.client) { [connections] verdict in
            connections.decide(descriptor, number: entry.number, verdict)
        }
    }

    /// Suspends a connection until there is a page, or its patience is over.
    private func waitForFirstPage(_ request: Connections.Request, on connection: Connection) {
        var request = request
        request.hasWaited = true
        suspend(connection, request, for: .firstPage, atMost: settings.firstPageWait)
        // The page may have come since it was looked for.
        let mayGoOn = state.withLock { $0.page != nil || $0.isStopping }
        if mayGoOn { connections.resumeAll(waitingFor: .firstPage) }
    }

    func suspend(
        _ connection: Connection,
        _ request: Connections.Request,
        for reason: Connections.Suspension.Reason,
        atMost limit: Duration
    ) {
        let suspension = Connections.Suspension(reason: reason, handle: connection.suspend())
        connections.change(connection.descriptor) { entry in
            entry.phase = .suspended(request, suspension)
            entry.deadline = SystemClock.monotonic.now + limit
        }
    }
}
