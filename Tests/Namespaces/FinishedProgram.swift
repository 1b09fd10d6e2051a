/// What a program left when it had ended.
package struct FinishedProgram: Sendable {
    /// How it ended.
    package let ending: RunningProgram.Ending
    /// What it wrote to its standard output.
    package let standardOutput: String
    /// What it wrote to its standard error.
    package let standardError: String

    /// The exit status; nil if a signal ended the program.
    package var status: Int32? {
        if case .exited(let status) = ending { status } else { nil }
    }
}
