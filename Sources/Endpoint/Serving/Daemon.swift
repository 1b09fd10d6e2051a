import CMicrohttpd
import System

/// A daemon of libmicrohttpd: one thread that serves the connections it is given. It runs until this object is gone, and
/// closes them then.
@safe
final class Daemon: @unchecked Sendable {
    // Sendable because nothing changes after init, and MHD_add_connection() may be called on any thread.

    private let handle: OpaquePointer
    /// The callbacks hold it without a reference of their own.
    private let site: Site
    private let logSink: UnsafeMutablePointer<cmhd_log_sink>

    init(of site: Site) throws(EndpointError) {
        let context = unsafe Unmanaged.passUnretained(site).toOpaque()
        let sink = UnsafeMutablePointer<cmhd_log_sink>.allocate(capacity: 1)
        unsafe sink.initialize(to: cmhd_log_sink(line: logLine, context: context))
        let started = unsafe cmhd_start(
            site.settingsInForce.tls == nil ? 0 : 1,
            cmhd_limits(
                // The limit is kept by the one who accepts. Reached in here, 0.9.75 keeps a lock of its own for ever.
                connections: UInt32(site.settings.connectionLimit + Connections.mostClosing + 64),
                // Above 32 KiB libmicrohttpd takes it from the kernel and gives it back when the connection ends; below
                // that the process stayed as large as 2,500 connections had made it (55 MiB, in place of 18).
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
            throw .cannotServe("cannot serve: libmicrohttpd did not start, and the log says why")
        }
        unsafe handle = started
        unsafe logSink = sink
        self.site = site
    }

    deinit {
        unsafe MHD_stop_daemon(handle)
        unsafe logSink.deallocate()
    }

    /// Serves a connection, whose socket is libmicrohttpd's from now on.
    ///
    /// - Returns: false where it could not, and the socket is closed.
    func serve(_ descriptor: CInt, of client: SocketAddress) -> Bool {
        unsafe client.withPointer { unsafe MHD_add_connection(handle, descriptor, $0, $1) == .YES }
    }
}
