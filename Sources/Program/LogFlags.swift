package import ArgumentParser
import KernelReaders
import Model
import System
import WebConfiguration

/// The flags of the log.
package struct LogFlags: ParsableArguments {
    @Option(
        name: .customLong("log.level"),
        help: ArgumentHelp("Lowest severity to log.", valueName: "level")
    )
    private var level = LogLevel.info

    @Option(
        name: .customLong("log.format"),
        help: ArgumentHelp("Format of the log on standard error.", valueName: "format")
    )
    private var format = LogFormat.logfmt

    package init() {}

    /// Runs a service with a log. No thread may have started before.
    ///
    /// - Throws: the service's error, once the log is written, so that its line is the last one.
    package func run(_ service: (StandardErrorLog) throws -> Void) throws {
        SignalThread.holdBack()
        let log = try StandardErrorLog(logLevel: level.level, format: format)
        do {
            try service(log)
        } catch {
            log.queue.flush(until: Clock.now + 1)
            throw error
        }
    }
}

extension ParsableCommand {
    /// Ends the process after an error: with status 0 if it asked for help, 64 if a flag is
    /// invalid, and 1 if the command failed. The error is one line on standard error. A command
    /// that has written the reason itself throws its status.
    ///
    /// - Parameters:
    ///   - name: the program's name.
    ///   - note: what to add to the message.
    ///   - hint: which command lists the flags.
    package static func end(_ name: String, with error: any Error, note: String = "", hint: String) -> Never {
        let status = exitCode(for: error)
        if status == .success { exit(withError: error) }
        // Of a message that is too long the middle is left out: it ends with what would be right.
        let message = (message(for: error) + note).split(separator: "\n")
            .joined(separator: " ").onOneLine(ending: 1_024)
        let ending = status == .validationFailure ? " (\(hint))" : ""
        if !message.isEmpty { StandardStreams.writeError(Array("\(name): \(message)\(ending)\n".utf8)) }
        exit(withError: status)
    }
}
