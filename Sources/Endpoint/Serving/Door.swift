import Glibc
import Synchronization
import System

/// The thread that accepts connections and enforces their deadlines.
///
/// libmicrohttpd could accept by itself, but closes nobody to make room, counts the connections of
/// each socket alone, and waits busily where the process has no descriptor left.
final class Door: Sendable {
    private let site: Site
    private let daemon: Daemon
    private let listeners: [ListenSocket]
    private let isEncrypted: Bool
    private let phase = Atomic(Phase.open)
    private let queued = Atomic(0)
    private let thread = Mutex(ServiceThread?.none)

    private enum Phase: Int, AtomicRepresentable {
        case open
        /// New connections are refused.
        case closed
        /// The thread ends.
        case ended
    }

    init(_ listeners: [ListenSocket], to daemon: Daemon, of site: Site) throws(EndpointError) {
        self.site = site
        self.daemon = daemon
        self.listeners = listeners
        isEncrypted = site.settingsInForce.tls != nil
        do throws(SystemError) {
            let thread = try ServiceThread { [self] in run() }
            self.thread.withLock { $0 = thread }
        } catch {
            throw .cannotStart(ServiceThread.problem(error))
        }
    }

    /// Accepts no more connections: new ones are refused, or, on an inherited socket, wait for the
    /// next process that inherits it.
    func close() {
        phase.store(.closed, ordering: .relaxed)
        for listener in listeners { listener.stopListening() }
        site.doorbell.announce()
    }

    func end() {
        phase.store(.ended, ordering: .relaxed)
        site.doorbell.announce()
        thread.withLock { $0.take() }?.join()
    }

    /// How many connections wait to be accepted.
    var waiting: Int {
        listeners.reduce(queued.load(ordering: .relaxed)) { $0 + Connection.waiting(on: $1.descriptor) }
    }

    private func run() {
        let lines = (
            full: RateLimiter(interval: .seconds(60), burst: 1), failed: RateLimiter(interval: .seconds(60), burst: 1)
        )
        var isFull = false
        var deadlinesAreDue = SystemClock.monotonic.now
        // Only over TLS.
        var queue = HandshakeQueue()
        var nextHandshake = Duration?.none
        while true {
            let now = SystemClock.monotonic.now
            if now >= deadlinesAreDue { deadlinesAreDue = now + site.connections.enforceDeadlines() }
            // At the connection limit, the end of a connection announces itself.
            let phase = phase.load(ordering: .relaxed)
            queue.dropEach(after: phase == .open ? .seconds(site.settings.requestTimeout) : .zero)
            if phase == .ended { return }
            let listens = phase == .open && !isFull
            let ready = site.doorbell.wait(
                forAny: listens ? listeners.map(\.descriptor) : [],
                atMost: site.connections.isEmpty && queue.count == 0
                    ? nil : min(deadlinesAreDue - now, nextHandshake ?? .seconds(1))
            )
            isFull = false
            for listener in listeners where ready.contains(listener.descriptor) && !isFull {
                // Over TLS the limit applies when the handshake begins.
                isFull = !isEncrypted && !site.connections.makeRoom()
                if !isFull, let errno = letIn(from: listener, to: &queue) {
                    if lines.failed.admits() { site.report(.cannotAccept(reason: errnoText(errno))) }
                    SystemClock.sleep(for: .milliseconds(100))
                }
            }
            nextHandshake = nil
            while queue.count > 0, !isFull {
                nextHandshake =
                    site.connections.isBehindWithHandshakes
                    ? .milliseconds(2) : queue.wait(costing: site.settingsInForce.tls?.handshakeCost ?? .zero)
                if nextHandshake != nil { break }
                isFull = !site.connections.makeRoom()
                if !isFull {
                    let (descriptor, client) = queue.removeFirst()
                    serve(descriptor, of: client)
                }
            }
            queued.store(queue.count, ordering: .relaxed)
            if isFull, lines.full.admits() { site.report(.connectionLimitReached(site.settings.connectionLimit)) }
        }
    }

    /// Accepts one connection, which waits for its handshake over TLS.
    ///
    /// - Returns: the errno of an accept() that an immediate retry would not help; nil if it
    ///   succeeded, if the client has gone, or if the endpoint stops.
    private func letIn(from listener: ListenSocket, to queue: inout HandshakeQueue) -> CInt? {
        let descriptor: CInt
        let client: SocketAddress
        do throws(SystemError) {
            (descriptor, client) = try listener.accept()
        } catch {
            // EINVAL: the socket was shut down, for the stop.
            return [EAGAIN, ECONNABORTED, EINVAL].contains(error.errno) ? nil : error.errno
        }
        if isEncrypted { queue.append(descriptor, of: client) } else { serve(descriptor, of: client) }
        return nil
    }

    private func serve(_ descriptor: CInt, of client: SocketAddress) {
        guard site.connections.admit(descriptor, client: client.host) else {
            Connection.end(descriptor)
            Sockets.close(descriptor)
            return
        }
        if !daemon.serve(descriptor, of: client) { site.connections.remove(descriptor) }
    }
}
