import CMicrohttpd
import System

/// A daemon of libmicrohttpd: one thread that serves the connections it is given. It runs until
/// this object is gone, and closes them then.
@safe
final class Daemon: @unchecked Sendable {
    // Sendable because nothing changes after init, and MHD_add_connection() may be called on any
    // thread.

    private let handle: OpaquePointer
    /// The callbacks hold it without a reference of their own.
    private let site: Site
    private let logSink: UnsafeMutablePointer<cmhd_log_sink>

    init(of site: Site) throws(EndpointError) {
        // Without poll() no connection would be accepted; without epoll_wait() libmicrohttpd would
        // try again without a pause; without the others it would close each connection.
        do throws(SystemError) {
            try Polling.check()
            try EventQueue.check()
            try Sockets.check()
        } catch {
            throw .cannotStart("cannot serve: \(error.call): \(error.reason)")
        }
        // The daemon keeps the site and the sink until no callback can come any more.
        let context = unsafe Unmanaged.passUnretained(site).toOpaque()
        let sink = UnsafeMutablePointer<cmhd_log_sink>.allocate(capacity: 1)
        unsafe sink.initialize(to: cmhd_log_sink(line: logLine, context: context))
        let started = unsafe cmhd_start(
            site.settingsInForce.tls == nil ? 0 : 1,
            cmhd_limits(
                // The limit is kept by the one who accepts. Reached in here, 0.9.75 never releases
                // a lock of its own.
                connections: UInt32(site.settings.connectionLimit + Connections.mostClosing + 64),
                // Above 32 KiB libmicrohttpd takes it from the kernel and gives it back when the
                // connection ends; below that the process stayed as large as 2,500 connections had
                // made it (55 MiB, in place of 18).
                memory_per_connection: 36 * 1024,
                idle_seconds: UInt32(site.settings.requestTimeout)
            ),
            cmhd_callbacks(
                connection_changes: connectionChanges,
                request_begins: requestBegins,
                request: request,
                request_ends: requestEnds,
                context: context
            ),
            sink
        )
        guard let started = unsafe started else {
            unsafe sink.deallocate()
            let reason = site.lastLibraryLine ?? "it lacks memory, threads or files to start"
            throw .cannotStart("cannot serve: libmicrohttpd: \(reason)")
        }
        unsafe handle = started
        unsafe logSink = sink
        self.site = site
    }

    deinit {
        // It waits for the thread of the daemon, which alone uses the sink.
        unsafe MHD_stop_daemon(handle)
        unsafe logSink.deallocate()
    }

    /// Serves a connection, whose socket is libmicrohttpd's from now on.
    ///
    /// - Returns: false where it could not, and the socket is closed.
    func serve(_ descriptor: CInt, of client: SocketAddress) -> Bool {
        // libmicrohttpd copies the address.
        unsafe client.withPointer { unsafe MHD_add_connection(handle, descriptor, $0, $1) == .YES }
    }
}

// The functions that libmicrohttpd calls, on the thread of the daemon. They stand outside of types
// because a closure would inherit the actor of the place where it is written, and trap when C calls
// it from another thread.

/// The context that every callback is given.
private func site(_ context: UnsafeMutableRawPointer?) -> Site? {
    guard let context = unsafe context else { return nil }
    // What the daemon's init has passed, which the daemon keeps alive.
    return unsafe Unmanaged<Site>.fromOpaque(context).takeUnretainedValue()
}

/// The MHD_OPTION_NOTIFY_CONNECTION callback, called when a connection begins, before anything is
/// read of it, and when it has ended, after its TLS session and before its socket is closed.
func connectionChanges(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    connectionContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    change: MHD_ConnectionNotificationCode
) {
    // libmicrohttpd's pointers, and the session of the connection, are valid during the call.
    guard let site = unsafe site(context), let connection = unsafe Connection(handle) else { return }
    switch change {
    case .CONNECTION_NOTIFY_STARTED:
        let session = unsafe connection.session
        let tls = unsafe session == nil ? nil : site.settingsInForce.tls
        unsafe connectionContext?.pointee = Unmanaged.passUnretained(site.connections).toOpaque()
        site.connections.change(connection.descriptor) { entry in
            entry.tls = tls
            entry.enter(.opening(.silent))
        }
        // The entry of the connection keeps the settings alive as long as the session.
        if let session = unsafe session { unsafe tls?.apply(to: session) }
    case .CONNECTION_NOTIFY_CLOSED:
        site.forget(connection.descriptor)
    @unknown default: return
    }
}

/// The MHD_OPTION_URI_LOG_CALLBACK, called once for each request, when its first line is there: the
/// client is at work again, and has the shorter time. What it returns is not used.
func requestBegins(
    context: UnsafeMutableRawPointer?,
    uri: UnsafePointer<CChar>?,
    handle: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    // libmicrohttpd's pointers are valid during the call.
    guard let site = unsafe site(context), let connection = unsafe Connection(handle) else { return nil }
    connection.close(afterIdleSeconds: site.settings.requestTimeout)
    site.connections.change(connection.descriptor) { entry in
        // A first request has the time that its connection was given.
        let isFirst = if case .idle = entry.phase { false } else { true }
        entry.enter(.reading(.init()), forAtMost: isFirst ? nil : site.settings.requestTimeout)
    }
    return nil
}

/// The MHD_AccessHandlerCallback, called when the headers are there, for each piece of the body,
/// when the body is there, and again when a connection goes on that was suspended then.
func request(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    path: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?,
    version: UnsafePointer<CChar>?,
    upload: UnsafePointer<CChar>?,
    uploadSize: UnsafeMutablePointer<Int>?,
    requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    // libmicrohttpd's pointers are valid during the call; its texts end with NUL and are copied.
    guard let site = unsafe site(context), let connection = unsafe Connection(handle),
        let path = unsafe path, let method = unsafe method, let version = unsafe version,
        let uploadSize = unsafe uploadSize
    else { return .NO }
    let asked = unsafe (method: String(cString: method), path: String(cString: path))
    let descriptor = connection.descriptor
    switch site.connections[descriptor]?.phase {
    case .reading(var request) where !request.isChecked:
        // An answer in this first call is sent with "Connection: close": there could still be a
        // body. So good requests are answered in the next one.
        request.isChecked = true
        site.connections.change(descriptor) { $0.phase = .reading(request) }
        do throws(RequestFault) {
            try unsafe Framing.check(connection.headers, version: String(cString: version))
            return .YES
        } catch {
            return site.refuse(error, asked, on: connection)
        }
    case .reading(var request):
        let count = unsafe uploadSize.pointee
        if count > 0 {
            // Read and dropped, so that the client can finish sending and then receives the answer.
            unsafe uploadSize.pointee = 0
            request.bodyBytes += count
            site.connections.change(descriptor) { $0.phase = .reading(request) }
            return request.bodyBytes <= Framing.bodyLimit ? .YES : .NO
        }
        site.connections.change(descriptor) { $0.phase = .whole(request) }
        return site.answer(request, asked, on: connection)
    case .whole(let request):
        return site.answer(request, asked, on: connection)
    case nil, .accepted, .opening, .suspended, .answering, .idle, .closing:
        return .NO
    }
}

/// The MHD_OPTION_NOTIFY_COMPLETED callback, called once for each request that has begun, however
/// it ended.
func requestEnds(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    reason: MHD_RequestTerminationCode
) {
    // libmicrohttpd's pointers are valid during the call.
    guard let site = unsafe site(context), let connection = unsafe Connection(handle) else { return }
    let isKept = reason == .REQUEST_TERMINATED_COMPLETED_OK && !Connection.reportEndAgain(connection.descriptor)
    let seconds = site.connections.endRequest(connection.descriptor, isKept: isKept, own: connection.status)
    if let seconds { connection.close(afterIdleSeconds: seconds) }
}

func logLine(context: UnsafeMutableRawPointer, text: UnsafePointer<CChar>) {
    // The text ends with NUL and is valid during the call; it is copied.
    var line = unsafe String(cString: text)[...]
    while line.last?.isNewline == true { line.removeLast() }
    unsafe site(context)?.noteLibrary(String(line))
}
