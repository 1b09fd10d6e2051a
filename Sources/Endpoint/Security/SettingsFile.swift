import Glibc
import WebConfiguration

/// The web configuration file and those it names. They are looked at whenever somebody asks what is in force, and read
/// again when one of them was changed; what cannot be used changes nothing.
final class SettingsFile: Sendable {
    private let path: String
    private let settings: Endpoint.Settings
    private let report: @Sendable (Endpoint.Event) -> Void
    private let state: Guarded<State>

    private struct State {
        var inForce: SettingsInForce
        var files: [String]
        var stamps: [FileStamp?]
        /// Whether a file was so young when it was read that its next change may not show in its stamp.
        var isFresh: Bool
        var reload: Endpoint.Reload
        var lastProblem: Problem?
    }

    /// Reads the files for the first time.
    ///
    /// - Throws: what is wrong with them.
    init(_ path: String, _ settings: Endpoint.Settings, report: @escaping @Sendable (Endpoint.Event) -> Void)
        throws(Problem)
    {
        self.path = path
        self.settings = settings
        self.report = report
        // Looked at before they are read, so that a change meanwhile is a change.
        let stamp = FileStamp(path)
        let configuration = try Self.read(path)
        let files = configuration.tls?.files ?? []
        let stamps = [stamp] + files.map { FileStamp($0) }
        let inForce = try SettingsInForce(configuration, settings, after: SettingsInForce(settings))
        state = Guarded(
            State(
                inForce: inForce,
                files: [path] + files,
                stamps: stamps,
                isFresh: Self.isFresh(stamps),
                reload: Endpoint.Reload(wasSuccessful: true, lastSuccess: Self.now)
            )
        )
        for warning in configuration.warnings { report(.configurationWarning("\(warning)")) }
    }

    /// What is in force now.
    var current: SettingsInForce {
        state.withLock { state in
            let stamps = state.files.map { FileStamp($0) }
            if state.isFresh || stamps != state.stamps { reload(&state, stamps) }
            return state.inForce
        }
    }

    /// How the last reading went, after another look at the files.
    var reload: Endpoint.Reload {
        _ = current
        return state.withLock { $0.reload }
    }

    private func reload(_ state: inout State, _ stamps: [FileStamp?], attempts: Int = 3) {
        let hasChanged = stamps != state.stamps
        state.stamps = stamps
        state.isFresh = Self.isFresh(stamps)
        do throws(Problem) {
            let configuration = try Self.read(path)
            let before = state.inForce
            guard (configuration.tls == nil) == (before.tls == nil) else {
                throw Problem(
                    place: configuration.tls?.place ?? Place(file: path, line: 1, key: "tls_server_config"),
                    reason: "TLS is turned on and off only when the exporter starts; restart it"
                )
            }
            let inForce = try SettingsInForce(configuration, settings, after: before)
            let files = [path] + (configuration.tls?.files ?? [])
            if files != state.files {
                // Files not named before were not looked at before they were read; they are read once more.
                state.files = files
                state.stamps = files.map { FileStamp($0) }
                state.isFresh = true
            }
            state.inForce = inForce
            state.lastProblem = nil
            state.reload = Endpoint.Reload(wasSuccessful: true, lastSuccess: Self.now)
            guard hasChanged else { return }
            report(.configurationRead(path))
            for warning in configuration.warnings { report(.configurationWarning("\(warning)")) }
        } catch {
            let stampsNow = state.files.map { FileStamp($0) }
            if stampsNow != stamps, attempts > 1 {
                // They changed while they were read: the certificate was the old one, say, and the key the new one.
                return reload(&state, stampsNow, attempts: attempts - 1)
            }
            state.reload.wasSuccessful = false
            // Two handshakes in the life of a half-written file are one line.
            if error != state.lastProblem { report(.configurationRefused("\(error)")) }
            state.lastProblem = error
        }
    }

    private static func read(_ path: String) throws(Problem) -> WebConfiguration {
        let text: [UInt8]
        do throws(FileContent.Failure) {
            text = try FileContent.read(path)
        } catch {
            throw Problem(place: Place(file: path, line: 1, key: ""), reason: "cannot read it: \(error.reason)")
        }
        return try WebConfiguration(path: path, text: text)
    }

    private static func isFresh(_ stamps: [FileStamp?]) -> Bool {
        stamps.contains { $0?.isFresh ?? false }
    }

    /// The time in seconds since 1970.
    private static var now: Double {
        var time = timespec()
        // This clock exists on every kernel; the call cannot fail.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
