import Glibc
import Synchronization
import WebConfiguration

/// The web configuration file and those it names. A thread reads them each second; what has changed is put in force as a
/// whole, and what cannot be used changes nothing.
final class SettingsFile: Sendable {
    private let path: String
    private let settings: Endpoint.Settings
    private let report: @Sendable (Endpoint.Event) -> Void
    private let state: Mutex<State>
    private let wakeUp = WakeUp()
    private let thread = Mutex(ServiceThread?.none)

    private struct State {
        var inForce: SettingsInForce
        var reload: Endpoint.Reload
        /// Whether somebody wants to hear what comes of the next reading.
        var isAsked = false
        var isStopping = false
    }

    /// What all of the files hold at a moment: it says whether anything has changed.
    private struct Content: Equatable {
        /// The configuration file; nil where it cannot be read.
        var text: [UInt8]?
        /// nil where TLS is off, or one of its files cannot be read.
        var material: TLSMaterial?
    }

    /// Reads the files for the first time, and from then on each second.
    ///
    /// - Throws: what is wrong with them.
    init(_ path: String, _ settings: Endpoint.Settings, report: @escaping @Sendable (Endpoint.Event) -> Void)
        throws(Problem)
    {
        self.path = path
        self.settings = settings
        self.report = report
        var content = Content()
        let (configuration, material) = try Self.read(path, into: &content)
        let inForce = try SettingsInForce(configuration, material, settings, after: SettingsInForce(settings))
        state = Mutex(
            State(inForce: inForce, reload: Endpoint.Reload(wasSuccessful: true, lastSuccess: Self.now))
        )
        for warning in configuration.warnings { report(.configurationWarning("\(warning)")) }
        let begun = content
        let started = ServiceThread { [self] in run(begun) }
        guard let started else {
            throw Problem(place: Place(file: path, line: 1, key: ""), reason: "no thread is left to look at the file")
        }
        thread.withLock { $0 = started }
    }

    /// What is in force now.
    var inForce: SettingsInForce { state.withLock { $0.inForce } }

    /// How the last reading of a change went.
    var reload: Endpoint.Reload { state.withLock { $0.reload } }

    /// Reads the files at once, and reports what came of it even where nothing has changed.
    func readSoon() {
        state.withLock { $0.isAsked = true }
        wakeUp.announce()
    }

    /// Ends the thread.
    func stop() {
        state.withLock { $0.isStopping = true }
        wakeUp.announce()
        let last = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        last?.join()
    }

    private func run(_ begun: Content) {
        var seen = begun
        var refused: Problem?
        while true {
            wakeUp.wait(atMost: .seconds(1))
            let (isAsked, isStopping) = state.withLock { state in
                defer { state.isAsked = false }
                return (state.isAsked, state.isStopping)
            }
            if isStopping { return }
            var content = Content()
            let result = Result { () throws(Problem) in try Self.read(path, into: &content) }
            let hasChanged = content != seen
            seen = content
            // What was refused is tried again until it stays as it is: files may be replaced one after the other.
            guard hasChanged || isAsked || state.withLock({ !$0.reload.wasSuccessful }) else { continue }
            do throws(Problem) {
                let (configuration, material) = try result.get()
                try enforce(configuration, material)
                refused = nil
                report(.configurationRead(path))
                for warning in configuration.warnings { report(.configurationWarning("\(warning)")) }
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

    private func enforce(_ configuration: WebConfiguration, _ material: TLSMaterial?) throws(Problem) {
        let before = inForce
        guard (configuration.tls == nil) == (before.tls == nil) else {
            throw Problem(
                place: configuration.tls?.place ?? Place(file: path, line: 1, key: "tls_server_config"),
                reason: "TLS is turned on and off only when the exporter starts; restart it"
            )
        }
        let next = try SettingsInForce(configuration, material, settings, after: before)
        state.withLock { state in
            state.inForce = next
            state.reload = Endpoint.Reload(wasSuccessful: true, lastSuccess: Self.now)
        }
    }

    private static func read(_ path: String, into content: inout Content) throws(Problem)
        -> (WebConfiguration, TLSMaterial?)
    {
        let text: [UInt8]
        do throws(FileContent.Failure) {
            text = try FileContent.read(path)
        } catch {
            throw Problem(place: Place(file: path, line: 1, key: ""), reason: "cannot read it: \(error.reason)")
        }
        content.text = text
        let configuration = try WebConfiguration(path: path, text: text)
        if let tls = configuration.tls { content.material = try TLSMaterial(of: tls) }
        return (configuration, content.material)
    }

    /// The time in seconds since 1970.
    private static var now: Double {
        var time = timespec()
        // This clock exists on every kernel; the call cannot fail.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
