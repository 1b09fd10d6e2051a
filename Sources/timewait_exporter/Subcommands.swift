import ArgumentParser

/// What the program does beside serving, each with flags of its own behind its name.
enum Subcommands {
    /// The subcommands, in the order in which help lists them.
    static var all: [any ParsableCommand.Type] { [Diagnose.self, Reserve.self, WaitPort.self, Metrics.self] }

    /// The program without the flags of serving. ArgumentParser gives those that stand behind a
    /// subcommand's name to the root command, where they would count for nothing.
    private struct Bare: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: TimewaitExporter.configuration.commandName,
            version: TimewaitExporter.configuration.version,
            subcommands: Subcommands.all
        )
    }

    private static var names: [String] { all.map { $0._commandName } }

    /// The command that the arguments ask for, with its flags.
    static func parse(_ arguments: [String]) throws -> any ParsableCommand {
        guard let first = arguments.first else { return try TimewaitExporter.parseAsRoot(arguments) }
        if names.contains(first) { return try Bare.parseAsRoot(arguments) }
        let asked = first == "help" ? arguments.dropFirst().first : first
        if let asked, !asked.hasPrefix("-"), !names.contains(asked) {
            let known = "the subcommands are \(names.joined(separator: ", ")), and without one it serves"
            throw ValidationError("Unexpected argument '\(asked)'; \(known)")
        }
        let command = try TimewaitExporter.parseAsRoot(arguments)
        if let name = all.first(where: { $0 == type(of: command) })?._commandName {
            throw ValidationError("put '\(first)' behind '\(name)': the flags of a subcommand follow its name")
        }
        return command
    }

    /// Where the flags are listed that these arguments were tried as.
    static func helpHint(_ arguments: [String]) -> String {
        guard let first = arguments.first, names.contains(first) else { return "--help lists the flags" }
        return "\(first) --help lists its flags"
    }
}
