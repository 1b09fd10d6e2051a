import Glibc

/// The HTTP side of an exporter: it gives whoever asks the page that was published last.
///
/// | path | answer to GET and HEAD |
/// |---|---|
/// | the telemetry path | 200 and the page; 503 when its sample is too old, or when the first does not come in time |
/// | `/` | 200 and the landing page, unless it is the telemetry path |
/// | `/-/healthy` | 200 as long as the process answers |
/// | `/-/ready` | 200, or 503 where there is no page or it is too old |
/// | any other | 404 |
///
/// Any other method on these paths gets 405. The page is given in the format and the encoding that the client likes
/// best, and in part where the query names sections: `?collect[]=NAME` or `?exclude[]=NAME`. With a web configuration
/// file all of it is served over TLS, to known users, and so often, as the file says.
///
/// Each listen address has one thread, which no scrape makes wait: it hands out bytes that are there. Two more threads
/// check passwords and hold connections to their deadlines.
package final class Endpoint: Sendable {
    /// The addresses really bound, in the order of the settings, as `[::]:10057` and `127.0.0.1:10057`, with the port
    /// that the kernel chose where it was to choose.
    package let boundAddresses: [String]
    /// Whether it is served over TLS.
    package let isEncrypted: Bool

    private let site: Site
    private let daemons: Guarded<[Daemon]>

    /// Listens, and answers from now on. The threads take over the calling thread's mask of signals: block there what
    /// they must not receive.
    ///
    /// - Parameters:
    ///   - settings: where and what to serve.
    ///   - report: called on any thread with what is worth a line in the log.
    /// - Throws: why one of the addresses cannot be served, or the web configuration file cannot be used; all is closed
    ///   again.
    package init(_ settings: Settings, report: @escaping @Sendable (Event) -> Void) throws(EndpointError) {
        let site = try Site(settings, report: report)
        var started: [Daemon] = []
        var bound: [String] = []
        func serve(_ socket: consuming ListenSocket, of count: Int) throws(EndpointError) {
            bound.append(socket.boundAddress)
            let share = max(1, settings.connectionLimit / count)
            started.append(try Daemon(serving: socket, of: site, connectionLimit: share))
        }
        guard site.connections.start() else { throw .noThread }
        do throws(EndpointError) {
            switch settings.sockets {
            case .addresses(let addresses):
                for address in addresses { try serve(try ListenSocket(address), of: addresses.count) }
            case .inherited(let descriptors):
                for descriptor in descriptors {
                    try serve(try ListenSocket(inherited: descriptor), of: descriptors.count)
                }
            }
        } catch {
            site.stopWaiting()
            started = []
            site.endThreads()
            throw error
        }
        self.site = site
        boundAddresses = bound
        isEncrypted = site.settingsInForce.tls != nil
        daemons = Guarded(started)
    }

    deinit {
        stop(drain: .zero)
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

    /// How the web configuration file was read last; nil where there is none.
    package var reload: Reload? { site.reload }

    /// Stops serving: refuses new connections, lets the answers on their way finish, and closes what remains. Idle
    /// connections are not waited for; requests that wait for something are answered with 503. A second call does
    /// nothing.
    ///
    /// - Parameter limit: the longest to wait for answers on their way.
    package func stop(drain limit: Duration) {
        var stopping = daemons.withLock { daemons in
            let all = daemons
            daemons = []
            return all
        }
        guard !stopping.isEmpty else { return }
        for daemon in stopping { daemon.refuseNewConnections() }
        site.stopWaiting()
        let deadline = MonotonicClock.now + limit
        // Nothing tells when the last answer has gone; it is waited for once in a process, and seldom at all.
        while site.isBusy, MonotonicClock.now < deadline { usleep(5_000) }
        if site.isWaiting {
            // A daemon with a suspended connection ends the process when it is stopped, and a bcrypt hash of high cost
            // may take minutes: it is left to the end of the process.
            for daemon in stopping { _ = unsafe Unmanaged.passRetained(daemon) }
            return
        }
        // The last reference to each: they stop here.
        stopping.removeAll()
        site.endThreads()
    }
}
