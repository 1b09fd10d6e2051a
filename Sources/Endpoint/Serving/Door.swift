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

    /// Starts the thread.
    init(_ listeners: [ListenSocket], to daemon: Daemon, of site: Site) throws(EndpointError) {
        self.site = site
        self.daemon = daemon
        self.listeners = listeners
        guard let thread = ServiceThread({ [self] in run() }) else { throw .noThread }
        self.thread.withLock { $0 = thread }
    }

    /// Lets nobody in any more: who tries is refused, or, where the socket was inherited, waits for the next process that
    /// inherits it.
    func close() {
        phase.store(.closed, ordering: .relaxed)
        for listener in listeners { listener.stopListening() }
        site.doorbell.announce()
    }

    /// Ends the thread.
    func end() {
        phase.store(.ended, ordering: .relaxed)
        site.doorbell.announce()
        let last = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        last?.join()
    }

    /// How many connections wait to be let in.
    var waiting: Int { listeners.reduce(0) { $0 + Connection.waiting(on: $1.descriptor) } }

    private func run() {
        var told: [CInt?: Duration] = [:]
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
                if isFull { report(nil, &told) }
                guard !isFull, let errno = letIn(from: listener) else { continue }
                report(errno, &told)
                usleep(100_000)
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

    /// Tells what keeps connections outside, at most once a minute: an errno, or nil for the limit of connections.
    private func report(_ errno: CInt?, _ told: inout [CInt?: Duration]) {
        let now = MonotonicClock.now
        if let before = told[errno], now - before < .seconds(60) { return }
        told[errno] = now
        guard let errno else { return site.report(.connectionLimitReached(site.settings.connectionLimit)) }
        site.report(.cannotAccept(reason: errnoText(errno)))
    }
}
