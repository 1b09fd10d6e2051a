import CMicrohttpd
import Glibc
import Synchronization

// The functions that libmicrohttpd calls, on the thread of a daemon. They stand outside of types because a closure
// would inherit the actor of the place where it is written, and trap when C calls it from another thread.

/// The context that every callback is given. Its daemon keeps it alive.
private func site(_ context: UnsafeMutableRawPointer?) -> Site? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<Site>.fromOpaque(context).takeUnretainedValue()
}

/// The MHD_OPTION_NOTIFY_CONNECTION callback, called when a connection begins, before anything is read of it, and when it
/// has ended, after its TLS session and before its socket is closed. The connection's own context holds its record.
func connectionChanges(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    connectionContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    change: MHD_ConnectionNotificationCode
) {
    guard let site = unsafe site(context), let connection = unsafe Connection(handle),
        let connectionContext = unsafe connectionContext
    else { return }
    switch change {
    case .CONNECTION_NOTIFY_STARTED:
        let session = unsafe connection.session
        let tls = unsafe session == nil ? nil : site.settingsInForce.tls
        let deadline = MonotonicClock.now + .seconds(site.settings.requestTimeout)
        let record = ConnectionRecord(of: connection, tls: tls, deadline: deadline)
        unsafe connectionContext.pointee = Unmanaged.passRetained(record).toOpaque()
        if let session = unsafe session { unsafe tls?.apply(to: session) }
        if !site.connections.insert(record) { record.reset() }
    case .CONNECTION_NOTIFY_CLOSED:
        guard let noted = unsafe connectionContext.pointee else { return }
        let record = unsafe Unmanaged<ConnectionRecord>.fromOpaque(noted).takeRetainedValue()
        unsafe connectionContext.pointee = nil
        record.end()
        site.connections.remove(record)
    @unknown default: return
    }
}

/// The MHD_OPTION_URI_LOG_CALLBACK, called once for each request, when its first line is there: the client is at work
/// again, and has the shorter time. What it returns is not used: the connection's record tells how far a request is.
///
/// libmicrohttpd (0.9.75, connection.c) takes the lock that guards its lists of timeouts in MHD_set_connection_option
/// itself and holds it in none of the callbacks; it walks these lists on this same thread, with the next connection
/// already in hand.
func requestBegins(
    context: UnsafeMutableRawPointer?,
    uri: UnsafePointer<CChar>?,
    handle: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let site = unsafe site(context), let connection = unsafe Connection(handle), let record = connection.record
    else { return nil }
    connection.close(afterIdleSeconds: UInt32(site.settings.requestTimeout))
    // Up to its NUL, which libmicrohttpd has put there.
    let target = unsafe UnsafeRawBufferPointer(start: uri, count: uri.map { unsafe strlen($0) } ?? 0)
    record.request.withLock { progress in
        progress = RequestProgress()
        progress.stage = .begun
        progress.target = unsafe Array(target)
        progress.targetEnd = UInt(bitPattern: target.baseAddress) + UInt(target.count)
    }
    if let mark = unsafe target.firstIndex(of: UInt8(ascii: "?")), mark + 1 < target.count, let uri = unsafe uri {
        // The query is read by us. libmicrohttpd (0.9.75) would take memory of the connection for each argument, and where
        // that is used up neither answer nor close. It is its own memory, which it cuts at the mark after this call, and
        // reads from behind it.
        unsafe UnsafeMutablePointer(mutating: uri)[mark + 1] = 0
    }
    // The first request has the time that its connection was given: to wait with the first line gains nothing.
    if record.isIdle { record.setDeadline(MonotonicClock.now + .seconds(site.settings.requestTimeout)) }
    return nil
}

/// The MHD_AccessHandlerCallback, called when the headers are there, for each piece of the body, when the body is there,
/// and again when a connection goes on that was suspended then.
func request(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    path: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?,
    version: UnsafePointer<CChar>?,
    upload: UnsafePointer<CChar>?,
    uploadSize: UnsafeMutablePointer<Int>?,
    stage: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let site = unsafe site(context), let connection = unsafe Connection(handle), let record = connection.record,
        let path = unsafe path, let method = unsafe method, let version = unsafe version,
        let uploadSize = unsafe uploadSize
    else { return .NO }
    let asked = unsafe Request(method: String(cString: method), path: String(cString: path))
    var progress = record.request.withLock { $0 }
    if progress.stage == .begun {
        progress.stage = .headersRead
        record.request.withLock { $0 = progress }
        let headers = connection.headers
        let versionBegin = UInt(bitPattern: version)
        let layout = unsafe RequestLayout(
            begin: UInt(bitPattern: method),
            size: UInt(connection.headersSize),
            targetEnd: progress.targetEnd,
            version: versionBegin..<versionBegin + UInt(strlen(version)),
            headers: headers.addresses
        )
        let problem = unsafe RequestCheck.problem(
            with: progress.target,
            version: String(cString: version),
            headers,
            layout
        )
        let fixed = site.settingsInForce.fixed
        // An answer in this first call is sent with "Connection: close": there could still be a body. So good requests
        // are answered in the next one.
        if let problem { return site.send(fixed.badRequest(problem), to: asked, on: connection, record) }
        if RequestCheck.announcesTooLargeBody(headers) {
            return site.send(fixed.contentTooLarge, to: asked, on: connection, record)
        }
        return .YES
    }
    let count = unsafe uploadSize.pointee
    if count > 0 {
        // Read and dropped, so that the client may finish sending and then hears our answer.
        unsafe uploadSize.pointee = 0
        progress.bodyBytes += count
        record.request.withLock { $0.bodyBytes = progress.bodyBytes }
        return progress.bodyBytes <= RequestCheck.bodyLimit ? .YES : .NO
    }
    if progress.stage == .headersRead {
        record.request.withLock { $0.stage = .whole }
        site.requestsWithoutAnswer.add(1, ordering: .relaxed)
    }
    guard let response = site.response(to: asked.method, at: asked.path, on: connection, record) else { return .YES }
    defer { site.requestsWithoutAnswer.subtract(1, ordering: .relaxed) }
    return site.send(response, to: asked, on: connection, record)
}

/// The MHD_OPTION_NOTIFY_COMPLETED callback, called once for each request that has begun, however it ended.
func requestEnds(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    stage: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    reason: MHD_RequestTerminationCode
) {
    guard let site = unsafe site(context), let connection = unsafe Connection(handle), let record = connection.record
    else { return }
    let ended = record.request.withLock { progress in
        defer { progress = RequestProgress() }
        return progress.stage
    }
    if ended == .answered {
        site.answersOnTheirWay.subtract(1, ordering: .relaxed)
    } else if ended == .whole {
        // The client went away while the connection was suspended: it goes on with its end, and nobody asks for an answer.
        site.requestsWithoutAnswer.subtract(1, ordering: .relaxed)
    } else if let status = connection.status {
        // libmicrohttpd found something wrong with the request, and answered itself.
        site.counts.count(status)
    }
    if reason == .REQUEST_TERMINATED_COMPLETED_OK, !connection.closeIfClientHasClosed() {
        connection.close(afterIdleSeconds: UInt32(site.settings.idleTimeout))
        record.becomesIdle(for: .seconds(site.settings.idleTimeout))
    }
}

/// One line of libmicrohttpd's own log.
func logLine(context: UnsafeMutableRawPointer, text: UnsafePointer<CChar>) {
    var line = unsafe String(cString: text)[...]
    while line.last?.isNewline == true { line.removeLast() }
    unsafe site(context)?.report(.library(String(line)))
}

/// What a client asks for.
private struct Request {
    let method: String
    /// Without the query.
    let path: String
}

extension Site {
    /// Queues an answer, counts it and reports it.
    fileprivate func send(
        _ response: Response,
        to request: Request,
        on connection: Connection,
        _ record: ConnectionRecord
    ) -> MHD_Result {
        // A session that was made with other settings than those of now is not used any longer.
        let isOutdated = record.tls != nil && record.tls !== settingsInForce.tls
        record.request.withLock { $0.stage = .answered }
        record.setDeadline(MonotonicClock.now + .seconds(settings.answerTimeout))
        // The client may read its answer before the call returns, so it is counted first.
        counts.count(response.status)
        answersOnTheirWay.add(1, ordering: .relaxed)
        report(
            .request(
                method: request.method,
                path: request.path,
                status: Int(response.status.rawValue),
                client: record.client
            )
        )
        return (isOutdated ? response.closing : response).queue(on: connection) ? .YES : .NO
    }
}
