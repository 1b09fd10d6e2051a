import CMicrohttpd
import Glibc
import Synchronization
import System
import WebConfiguration

/// The HTTP side of an exporter: it serves the page that was published last.
///
/// | path | answer to GET and HEAD |
/// |---|---|
/// | the telemetry path | 200 and the page; 503 if it is too old, or if none comes in time |
/// | a page on demand | 200 and the page, made for the request; 503 if none comes in time |
/// | a question | 200 and the answer; 400 if the query is wrong, 503 if none comes in time |
/// | `/` | 200 and the landing page, unless it is one of these |
/// | `/-/healthy` | 200, or 503 where no page has come for longer than a page may be old |
/// | `/-/ready` | 200, or 503 where there is no page or it is too old |
/// | any other | 404, or a redirect where it is one of these with empty or dotted parts |
///
/// OPTIONS gets 200, any other method on these paths 405. The page is given in the format and the
/// encoding that the client likes best, and in part where the query names sections:
/// `?collect[]=NAME` or `?exclude[]=NAME`. With a web configuration file all of it is served over
/// TLS, to known users, and so often, as the file says.
///
/// One thread accepts connections and enforces their deadlines, one of libmicrohttpd serves them
/// with bytes that are there, one checks passwords, one makes pages on demand, and one looks at the
/// web configuration file.
///
/// It knows bytes and content types and nothing of metrics. To use it in another exporter, take
/// this folder, WebConfiguration and the C modules CMicrohttpd, CGnuTLS, CYaml, CZlib and CCrypt;
/// make an Endpoint at the start, call publish() with each new page, and stop() at the end.
package final class Endpoint: Sendable {
    /// The addresses really bound, in the order of the settings, as `[::]:10057` and
    /// `127.0.0.1:10057`, with the port that the kernel chose where it was to choose.
    package let boundAddresses: [String]
    package let isEncrypted: Bool

    private let site: Site
    private let serving: Mutex<(door: Door, daemon: Daemon)?>

    /// The version of the libmicrohttpd that is loaded, such as 0.9.75.
    package static var libraryVersion: String {
        // A constant text of the library.
        unsafe String(cString: MHD_get_version())
    }

    /// Listens, and answers from now on. The threads take over the calling thread's mask of
    /// signals: block there what they must not receive.
    ///
    /// - Parameters:
    ///   - settings: where and what to serve.
    ///   - report: called on any thread with what is worth a line in the log.
    /// - Throws: why one of the addresses cannot be served, or the web configuration file cannot be
    ///   used; all is closed again.
    package init(_ settings: Settings, report: @escaping @Sendable (Event) -> Void) throws(EndpointError) {
        let site = try Site(settings, report: report)
        var listeners: [ListenSocket] = []
        let serving: (Door, Daemon)
        do throws(EndpointError) {
            switch settings.sockets {
            case .addresses(let addresses):
                for address in addresses { listeners.append(try ListenSocket(address)) }
            case .inherited(let descriptors):
                for descriptor in descriptors { listeners.append(try ListenSocket(inherited: descriptor)) }
            }
            let daemon = try Daemon(of: site)
            serving = (try Door(listeners, to: daemon, of: site), daemon)
        } catch {
            site.file?.stop()
            throw error
        }
        self.site = site
        boundAddresses = listeners.map(\.boundAddress)
        isEncrypted = site.settingsInForce.tls != nil
        self.serving = Mutex(serving)
    }

    deinit {
        stop(drain: .zero)
    }

    /// Serves this page from now on, in place of the one before. Downloads of that one end as they
    /// began, unless such pages take too much memory.
    ///
    /// - Parameters:
    ///   - page: the page.
    ///   - sampledAt: when its sample was taken, on CLOCK_MONOTONIC, as the time since that clock's
    ///     start.
    package func publish(_ page: Page, sampledAt: Duration) {
        site.publish(Publication(page, sampledAt: sampledAt))
    }

    /// What was counted, and the connections of now.
    package var statistics: Statistics {
        var statistics = site.connections.statistics
        statistics.waiting = serving.withLock { $0?.door.waiting } ?? 0
        return statistics
    }

    /// The last reading of the web configuration file; nil without one.
    package var reload: Reload? { site.file?.reload }

    /// Reads the web configuration file within a second, and says in the log what came of it.
    package func reloadConfiguration() { site.file?.readSoon() }

    /// Stops serving: refuses new connections, finishes answers that are being sent, and closes
    /// what remains. Idle connections are not waited for; requests that wait for something are
    /// answered with 503. A second call does nothing.
    ///
    /// - Parameter limit: the longest to wait for answers on their way.
    package func stop(drain limit: Duration) {
        let stopping = serving.withLock { serving in
            defer { serving = nil }
            return serving
        }
        guard let door = stopping?.door else { return }
        door.close()
        site.stopWaiting()
        let deadline = SystemClock.monotonic.now + limit
        // No event says that the last answer has been sent, so this polls, once in a process.
        while site.connections.isBusy, SystemClock.monotonic.now < deadline { SystemClock.sleep(for: .milliseconds(5)) }
        door.end()
        site.file?.stop()
        // The daemon stops with its last reference, at the end of this function.
    }
}

/// Why an endpoint could not start.
package enum EndpointError: Error, Equatable, CustomStringConvertible {
    /// One of the addresses, or of the sockets that were passed, cannot be served.
    case cannotServe(String)
    /// The process lacks what it takes to serve at all: threads, memory, a system call.
    case cannotStart(String)
    /// The web configuration file, or one that it names, cannot be used: file, line, key and
    /// reason.
    case badConfiguration(String)

    /// On one line, with the cure where there is a usual one.
    package var description: String {
        switch self {
        case .cannotServe(let reason), .cannotStart(let reason), .badConfiguration(let reason): reason
        }
    }

    static func cannotListen(on address: ListenAddress, _ errno: CInt) -> EndpointError {
        let cure =
            switch errno {
            case EADDRINUSE: "; stop what listens there or choose another port"
            case EACCES: "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it or choose a higher port"
            case EADDRNOTAVAIL: "; no interface of this host has the address"
            case EAFNOSUPPORT: "; this kernel has no IPv6: choose an IPv4 address, as 0.0.0.0 for all of them"
            default: ""
            }
        return .cannotServe("cannot listen on \(address): \(errnoText(errno))\(cure)")
    }
}

extension Endpoint {
    /// A text that an operator wrote and that cannot be read as what it should be.
    package struct SyntaxError: Error, Equatable, CustomStringConvertible {
        package let text: String
        /// What is wrong with it, and what would be right.
        package let reason: String

        /// The text in quotation marks and what is wrong with it, on one line whatever the text
        /// holds.
        package var description: String { "\(text.quoted): \(reason)" }
    }
}
