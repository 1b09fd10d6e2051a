import CMicrohttpd
import Glibc

/// A daemon of libmicrohttpd: one listening socket, and one thread that serves it. It runs until this object is gone.
@safe
final class Daemon: @unchecked Sendable {
    // Sendable because nothing changes but `retired`, once, and by the one that stops the endpoint.

    private let handle: OpaquePointer
    /// The callbacks hold it without a reference of their own.
    private let site: Site
    private let logSink: UnsafeMutablePointer<cmhd_log_sink>
    private let isInherited: Bool
    private var retired: ListenSocket?

    /// Takes over a socket and starts to serve it.
    init(serving socket: consuming ListenSocket, of site: Site, connectionLimit: Int) throws(EndpointError) {
        let address = socket.boundAddress
        let context = unsafe Unmanaged.passUnretained(site).toOpaque()
        let sink = UnsafeMutablePointer<cmhd_log_sink>.allocate(capacity: 1)
        unsafe sink.initialize(to: cmhd_log_sink(line: logLine, context: context))
        isInherited = socket.isInherited
        let started = unsafe cmhd_start(
            // Given away whatever comes of it: after some failures libmicrohttpd has closed it and after others not,
            // and a file left open is better than one closed twice.
            socket.release(),
            site.settingsInForce.tls == nil ? 0 : 1,
            cmhd_limits(
                connections: UInt32(connectionLimit),
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
            throw .cannotServe(address: address)
        }
        unsafe handle = started
        unsafe logSink = sink
        self.site = site
    }

    deinit {
        unsafe MHD_stop_daemon(handle)
        unsafe logSink.deallocate()
    }

    /// Takes no more connections: who tries is refused, or, where the socket was inherited, waits for the next process
    /// that inherits it. Those that there are live on.
    func refuseNewConnections() {
        let descriptor = unsafe MHD_quiesce_daemon(handle)
        guard descriptor >= 0 else { return }
        // Shut down at once, but closed only after the daemon: its thread may be about to take the socket out of its
        // epoll set, and ends the process when the descriptor is gone by then.
        if !isInherited { shutdown(descriptor, CInt(SHUT_RDWR)) }
        retired = ListenSocket(adopting: descriptor)
    }
}
