/// Why something could not be done with a namespace, described for the output of a test.
package enum NamespaceError: Error, CustomStringConvertible {
    /// The agent refused a command, or could not finish it.
    case refused(command: String, reason: String)
    /// The agent did not answer, or not in its language.
    case silent(command: String, reason: String)
    /// A program could not be started.
    case notStarted(program: String, reason: String)
    /// A program ended badly, or not in time.
    case failed(program: String, reason: String)
    /// A program of this package is not where the others are.
    case notBuilt(program: String, lookedIn: [String])

    /// A sentence.
    package var description: String {
        switch self {
        case .refused(let command, let reason): "namespace_agent refused `\(command)`: \(reason)"
        case .silent(let command, let reason): "namespace_agent did not answer `\(command)`: \(reason)"
        case .notStarted(let program, let reason): "\(program) could not be started: \(reason)"
        case .failed(let program, let reason): "\(program) failed: \(reason)"
        case .notBuilt(let program, let places):
            "\(program) is not built: it is in none of \(places.joined(separator: ", "))"
        }
    }
}
