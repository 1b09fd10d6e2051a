/// Whether there can be namespaces.
extension NetworkNamespace {
    /// Nil if namespaces can be made here, or else what is in the way, in a sentence: for
    /// `.enabled(if: NetworkNamespace.support == nil)`.
    ///
    /// It asks the machine and its programs only. An agent that is not built or does not work makes
    /// tests fail, not skip.
    package static let support: String? = {
        let attempt = "ip link set lo up && nsenter --version && ss -Htln"
        do {
            let program = try RunningProgram(UserNamespace.alone.unsharing + ["sh", "-c", attempt], name: attempt)
            if try program.waitForExit() == .exited(0) { return nil }
            let reason = program.standardError.split(separator: "\n").joined(separator: "; ")
            return "no network namespace can be made and used here: \(reason)"
        } catch {
            return "no network namespace can be made here: \(error)"
        }
    }()
}
