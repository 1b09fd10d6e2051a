import Glibc
import Synchronization

/// The thread that lets connections in, and holds those inside to their deadlines.
///
/// libmicrohttpd could accept by itself, but closes nobody to make room, counts the connections of each socket alone, and
/// waits busily where the process has no descriptor left.
final class Door: Sendable {
    private let site: Site
    private let daemon: Daemon
    private let listeners: [ListenSocket]
    private let phase = Atomic(Phase.open)
    private let thread = Mutex(ServiceThread?.none)

    private enum Phase: Int, AtomicRepresentable {
        case open
        /// Nobody is let in any more.
        case closed
        /// The thread ends.
        case ended
    }

    init(_ listeners: [ListenSocket], to daemon: Daemon, of site: Site) throws(EndpointError) {
        self.site = site
        self.daemon = daemon
        self.listeners = listeners
        guard let thread = ServiceThread({ [self] in run() }) else {
            throw .cannotServe("no thread could be started; the limit of threads or tasks of this process is reached")
        }
        self.thread.withLock { $0 = thread }
    }

    /// Lets nobody in any more: who tries is refused, or, where the socket was inherited, waits for the next process that
    /// inherits it.
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

    /// How many connections wait to be let in.
    var waiting: Int { listeners.reduce(0) { $0 + Connection.waiting(on: $1.descriptor) } }

    private func run() {
        let lines = (
            full: RateLimiter(interval: .seconds(60), burst: 1), failed: RateLimiter(interval: .seconds(60), burst: 1)
        )
        var isFull = false
        var deadlinesAreDue = MonotonicClock.now
        while true {
            let now = MonotonicClock.now
            if now >= deadlinesAreDue { deadlinesAreDue = now + site.connections.enforceDeadlines() }
            // Where all places are taken, whoever leaves rings the bell.
            let phase = phase.load(ordering: .relaxed)
            if phase == .ended { return }
            let listens = phase == .open && !isFull
            let ready = site.doorbell.wait(
                forAny: listens ? listeners.map(\.descriptor) : [],
                atMost: site.connections.isEmpty ? nil : deadlinesAreDue - now
            )
            isFull = false
            for listener in listeners where ready.contains(listener.descriptor) && !isFull {
                isFull = !site.connections.makeRoom()
                if isFull {
                    if lines.full.admits() { site.report(.connectionLimitReached(site.settings.connectionLimit)) }
                } else if let errno = letIn(from: listener) {
                    if lines.failed.admits() { site.report(.cannotAccept(reason: errnoText(errno))) }
                    usleep(100_000)
                }
            }
        }
    }

    /// Accepts one connection.
    ///
    /// - Returns: an errno of the process or of the machine, which does not go away by trying again at once.
    private func letIn(from listener: ListenSocket) -> CInt? {
        let descriptor: CInt
        let client: SocketAddress
        do throws(ListenSocket.Refusal) {
            (descriptor, client) = try listener.accept()
        } catch {
            return [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errno) ? error.errno : nil
        }
        guard site.connections.admit(descriptor, client: client.host) else {
            Connection.end(descriptor)
            Glibc.close(descriptor)
            return nil
        }
        if !daemon.serve(descriptor, of: client) { site.connections.remove(descriptor) }
        return nil
    }
}
