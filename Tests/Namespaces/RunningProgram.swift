import Glibc

/// A program that a test started. It is killed when the test lets go of it.
package final class RunningProgram {
    /// How a program ended.
    package enum Ending: Equatable, Sendable {
        /// It ended by itself with this status.
        case exited(Int32)
        /// A signal ended it.
        case signaled(Int32)
    }

    /// Its name, for descriptions.
    package let name: String
    /// Its process id, the same in all namespaces that this library makes.
    package let process: Int32
    /// What takes its standard output.
    private let output: OutputFile
    /// What takes its standard error.
    private let errors: OutputFile
    /// What to do once when the program has ended.
    private var whenEnded: () -> Void = {}
    /// How it ended, once that is known.
    private var ending: Ending?

    /// Starts a command. Its standard input and output are `channel`, or nothing and a file.
    init(_ command: [String], name: String, channel: Int32? = nil) throws(NamespaceError) {
        self.name = name
        output = try OutputFile()
        errors = try OutputFile()
        let nothing = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(nothing) }
        process = try Spawn.start(
            command,
            input: channel ?? nothing,
            output: channel ?? output.descriptor,
            errors: errors.descriptor
        )
    }

    deinit {
        guard !hasEnded else { return }
        kill(process, SIGKILL)
        _ = ended(within: .seconds(5))
    }

    /// What it has written to its standard output until now.
    package var standardOutput: String { output.text }
    /// The same as bytes, for what is no text.
    package var standardOutputBytes: [UInt8] { output.bytes }
    /// What it has written to its standard error until now.
    package var standardError: String { errors.text }

    /// Whether it has ended.
    package var hasEnded: Bool { ended(within: .zero) != nil }

    /// Sends a signal; nothing happens if it has ended.
    package func signal(_ signal: Int32) {
        if !hasEnded { kill(process, signal) }
    }

    /// Asks it to end, by SIGTERM.
    package func terminate() {
        signal(SIGTERM)
    }

    /// Waits for its end, and throws if that does not come in time.
    @discardableResult
    package func waitForExit(_ timeout: Duration = .seconds(10)) throws(NamespaceError) -> Ending {
        if let ending = ended(within: timeout) { return ending }
        throw .failed(program: name, reason: "it is still running after \(timeout)\n\(standardError)")
    }

    /// Sets what to do once when the program has ended.
    func onEnd(_ action: @escaping () -> Void) {
        whenEnded = action
    }

    /// How it ended, or nil if it is still running after a time.
    private func ended(within timeout: Duration) -> Ending? {
        if let ending { return ending }
        let deadline = ContinuousClock.now + timeout
        var status: Int32 = 0
        while true {
            let result = unsafe waitpid(process, &status, WNOHANG)
            if result == process { break }
            // Nothing is left to wait for, which cannot be: the child is ours.
            if result < 0 && errno != EINTR { break }
            guard ContinuousClock.now < deadline else { return nil }
            usleep(1_000)
        }
        // The two halves of a wait status, as WIFEXITED, WEXITSTATUS and WTERMSIG take it apart.
        let ending = status & 0x7F == 0 ? Ending.exited(status >> 8 & 0xFF) : Ending.signaled(status & 0x7F)
        self.ending = ending
        whenEnded()
        whenEnded = {}
        return ending
    }
}
