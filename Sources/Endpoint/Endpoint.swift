import Glibc
import Synchronization

/// The HTTP side of an exporter: it gives whoever asks the page that was published last.
///
/// | path | answer to GET and HEAD |
/// |---|---|
/// | the telemetry path | 200 and the page; 503 before the first page, and when its sample is too old |
/// | `/` | 200 and the landing page, unless it is the telemetry path |
/// | `/-/healthy` | 200 as long as the process answers |
/// | `/-/ready` | 200, or 503 wherever the telemetry path gives 503 |
/// | any other | 404 |
///
/// Any other method on these paths gets 405. The query of a request is ignored. Each listen address has one thread,
/// which no scrape makes wait: it hands out bytes that are there.
package final class Endpoint: Sendable {
    /// The addresses really bound, in the order of the settings, as `[::]:10057` and `127.0.0.1:10057`, with the port
    /// that the kernel chose where it was to choose.
    package let boundAddresses: [String]

    private let site: Site
    private let daemons: Mutex<[Daemon]>

    /// Listens, and answers from now on. The threads take over the calling thread's mask of signals: block there what
    /// they must not receive.
    ///
    /// - Parameters:
    ///   - settings: where and what to serve.
    ///   - log: called on any thread with each line of libmicrohttpd's own log. Every bad request causes some.
    /// - Throws: why one of the addresses cannot be served; the others are closed again.
    package init(_ settings: Settings, log: @escaping @Sendable (String) -> Void) throws(EndpointError) {
        let site = Site(settings, log: log)
        var bound: [String] = []
        var started: [Daemon] = []
        for address in settings.listenAddresses {
            let socket = try ListenSocket(address)
            bound.append(socket.boundAddress)
            started.append(try Daemon(serving: socket, of: site, connectionLimit: settings.connectionLimit))
        }
        self.site = site
        boundAddresses = bound
        daemons = Mutex(started)
    }

    /// Serves this page from now on, in place of the one before. Downloads of that one end as they began.
    ///
    /// - Parameters:
    ///   - page: the page.
    ///   - sampledAt: when its sample was taken, on CLOCK_MONOTONIC, as the time since that clock's start.
    package func publish(_ page: Page, sampledAt: Duration) {
        site.publish(page, sampledAt: sampledAt)
    }

    /// How many requests were answered with each status code since the start, by code; codes not yet given stand there
    /// with 0.
    package var requestCounts: [(code: Int, count: UInt64)] {
        site.counts.all
    }

    /// Stops serving: refuses new connections, lets the answers on their way finish, and closes what remains. Idle
    /// connections are not waited for. A second call does nothing.
    ///
    /// - Parameter limit: the longest to wait for answers on their way.
    package func stop(drain limit: Duration) {
        var stopping = daemons.withLock { daemons in
            let all = daemons
            daemons = []
            return all
        }
        for daemon in stopping { daemon.refuseNewConnections() }
        let deadline = MonotonicClock.now + limit
        // Nothing tells when the last answer has gone; it is waited for once in a process, and seldom at all.
        while site.answersOnTheirWay.load(ordering: .relaxed) > 0, MonotonicClock.now < deadline {
            usleep(5_000)
        }
        // The last reference to each: they stop here.
        stopping.removeAll()
    }
}
