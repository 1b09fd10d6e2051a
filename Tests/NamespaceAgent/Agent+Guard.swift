import Glibc

/// Processes of the test that end with the agent at the latest, so that not even a test that was
/// killed leaves one behind.
extension Agent {
    /// `guard`: answers nothing.
    mutating func guardProcess(_ words: inout Words) throws(Failure) -> String {
        guarded.insert(Int32(try words.number("PID", 2...Int(Int32.max))))
        return ""
    }

    /// `unguard`: answers nothing.
    mutating func unguardProcess(_ words: inout Words) throws(Failure) -> String {
        guarded.remove(Int32(try words.number("PID", 2...Int(Int32.max))))
        return ""
    }

    /// Kills what is still guarded.
    func killGuarded() {
        for process in guarded { kill(process, SIGKILL) }
    }
}
