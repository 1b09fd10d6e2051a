import Glibc

/// Programs inside the namespace. They enter it by nsenter: setns() here would move a thread that
/// other tests run on.
extension NetworkNamespace {
    /// Runs a program to its end, which has to come in time; whether it ended well is the caller's
    /// to judge.
    package func run(
        _ program: String,
        _ arguments: [String] = [],
        timeout: Duration = .seconds(30)
    ) throws(NamespaceError) -> FinishedProgram {
        let running = try start(program, arguments)
        let ending = try running.waitForExit(timeout)
        return FinishedProgram(
            ending: ending,
            standardOutput: running.standardOutput,
            standardError: running.standardError
        )
    }

    /// Starts a program and leaves it running, until the test ends it, or the caller or the test's
    /// process are gone.
    package func start(_ program: String, _ arguments: [String] = []) throws(NamespaceError) -> RunningProgram {
        let running = try RunningProgram(entering + [program] + arguments, name: program)
        try ask("guard \(running.process)")
        // The id may be given to somebody else once the program has ended. This also keeps the
        // namespace as long as the program.
        let id = running.process
        running.onEnd { _ = try? self.ask("unguard \(id)") }
        return running
    }

    /// Runs a program that has to end well; its standard output.
    @discardableResult
    package func output(of program: String, _ arguments: [String] = []) throws(NamespaceError) -> String {
        let finished = try run(program, arguments)
        guard finished.status == 0 else {
            let command = ([program] + arguments).joined(separator: " ")
            throw .failed(program: command, reason: "\(finished.ending): \(finished.standardError)")
        }
        return finished.standardOutput
    }
}
