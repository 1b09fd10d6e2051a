import Synchronization
import System
import WebConfiguration

/// The web configuration file and the files it names, parsed and ready for use.
struct SettingsInForce: Sendable {
    /// Another number for each reading.
    let number: Int
    /// nil: plain HTTP.
    let tls: TLSSettings?
    let users: Users
    /// nil: no limit.
    let rateLimiter: RateLimiter?
    let answers: Answers
    private let content: SettingsFile.Content

    /// - Parameter before: what is as it was then is taken over: sessions of TLS, and the bucket of
    ///   the rate limit.
    init(
        _ settings: Endpoint.Settings,
        _ content: SettingsFile.Content = .init(),
        after before: SettingsInForce? = nil
    ) throws(Problem) {
        let configuration = content.configuration
        number = (before?.number ?? 0) + 1
        if let files = content.files, let tls = configuration.tls {
            let isSame = before?.content.files == files && before?.content.configuration.tls == tls
            self.tls = try isSame ? before?.tls : TLSSettings(tls, files)
        } else {
            tls = nil
        }
        users = Users(configuration.users)
        let isSameLimit = before?.content.configuration.rateLimit == configuration.rateLimit
        rateLimiter =
            isSameLimit
            ? before?.rateLimiter
            : configuration.rateLimit.map { RateLimiter(interval: $0.interval, burst: $0.burst) }
        answers = Answers(settings: settings, headers: configuration.headers.map { ($0.name, $0.value) })
        self.content = content
    }
}

/// The web configuration file and those it names. A thread reads them each second; what has changed
/// is put in force as a whole, and what cannot be used changes nothing.
final class SettingsFile: Sendable {
    private let path: String
    private let settings: Endpoint.Settings
    private let report: @Sendable (Endpoint.Event) -> Void
    private let state: Mutex<State>
    private let wakeUp = WakeUp()
    private let thread = Mutex(ServiceThread?.none)

    private struct State {
        var inForce: SettingsInForce
        var reload = Endpoint.Reload(wasSuccessful: true, lastSuccess: SystemClock.realtime.seconds)
        /// Whether the result of the next reading is to be reported.
        var isAsked = false
        var isStopping = false
    }

    /// The contents of all files at one moment.
    struct Content: Equatable {
        var configuration = WebConfiguration()
        /// nil where TLS is off.
        var files: TLSFiles?
    }

    /// Reads the files for the first time, and from then on each second.
    init(_ path: String, _ settings: Endpoint.Settings, report: @escaping @Sendable (Endpoint.Event) -> Void)
        throws(Problem)
    {
        self.path = path
        self.settings = settings
        self.report = report
        let content = try Self.read(path)
        state = Mutex(State(inForce: try SettingsInForce(settings, content)))
        for warning in content.configuration.warnings { report(.configurationWarning("\(warning)")) }
        do throws(SystemError) {
            let started = try ServiceThread { [self] in run(content) }
            thread.withLock { $0 = started }
        } catch {
            throw Problem(path, "cannot watch the file: \(ServiceThread.problem(error))")
        }
    }

    var inForce: SettingsInForce { state.withLock { $0.inForce } }

    /// How the last reading of a change went.
    var reload: Endpoint.Reload { state.withLock { $0.reload } }

    /// Reads the files at once, and reports what came of it even where nothing has changed.
    func readSoon() {
        state.withLock { $0.isAsked = true }
        wakeUp.announce()
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        wakeUp.announce()
        thread.withLock { $0.take() }?.join()
    }

    private func run(_ first: Content) {
        var seen = Result<Content, Problem>.success(first)
        var refused: Problem?
        while true {
            wakeUp.wait(atMost: .seconds(1))
            let (isAsked, isStopping, wasSuccessful) = state.withLock { state in
                defer { state.isAsked = false }
                return (state.isAsked, state.isStopping, state.reload.wasSuccessful)
            }
            if isStopping { return }
            let result = Result { () throws(Problem) in try Self.read(path) }
            let hasChanged = result != seen
            seen = result
            // What was refused is tried again until it stays as it is: files may be replaced one
            // after the other.
            guard hasChanged || isAsked || !wasSuccessful else { continue }
            do throws(Problem) {
                let content = try result.get()
                try enforce(content)
                refused = nil
                report(.configurationRead(path))
                for warning in content.configuration.warnings { report(.configurationWarning("\(warning)")) }
            } catch {
                state.withLock { $0.reload.wasSuccessful = false }
                // A second look at the same content: it was not half written.
                if error != refused, !hasChanged || isAsked {
                    refused = error
                    report(.configurationRefused("\(error)"))
                }
            }
        }
    }

    private func enforce(_ content: Content) throws(Problem) {
        let before = inForce
        let tls = content.configuration.tls
        guard (tls == nil) == (before.tls == nil) else {
            throw Problem(
                place: tls?.place ?? Place(file: path, line: 1, key: "tls_server_config"),
                reason: "TLS is turned on and off only when the exporter starts; restart it"
            )
        }
        let next = try SettingsInForce(settings, content, after: before)
        state.withLock { state in
            state.inForce = next
            state.reload = Endpoint.Reload(wasSuccessful: true, lastSuccess: SystemClock.realtime.seconds)
        }
    }

    private static func read(_ path: String) throws(Problem) -> Content {
        let text = try readSmallFile(path) { Problem(path, "cannot read it: \($0)") }
        let configuration = try WebConfiguration(path: path, text: text)
        let files = try configuration.tls.map { tls throws(Problem) in try TLSFiles(of: tls) }
        return Content(configuration: configuration, files: files)
    }
}
