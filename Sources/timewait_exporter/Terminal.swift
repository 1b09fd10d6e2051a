import Program
import System

/// What standard output is, and how much of a terminal's it can.
struct Terminal {
    /// Whether standard output is a terminal.
    let isTerminal: Bool
    /// Whether it is a terminal on which a page can be drawn over.
    let movesCursor: Bool
    let hasColour: Bool
    let hasLinks: Bool
    /// Its columns; 80 without a terminal.
    let columns: Int
    /// Its rows; nil without a terminal, or where it does not report them.
    let rows: Int?

    /// When colours are wanted, by the names of `--color`.
    enum ColourChoice: String, CaseIterable {
        case auto
        case always
        case never
    }

    init(_ choice: ColourChoice) {
        isTerminal = StandardStreams.outputIsTerminal
        let isDumb = Self.isDumb
        movesCursor = isTerminal && !isDumb
        let isUnwanted = CurrentProcess.environment("NO_COLOR").map { !$0.isEmpty } ?? false
        hasColour =
            switch choice {
            case .always: true
            case .never: false
            case .auto: isTerminal && !isDumb && !isUnwanted
            }
        // The console of Linux, and programs that only copy what they are given, print the escapes.
        hasLinks = isTerminal && hasColour && !isDumb && CurrentProcess.environment("TERM") != "linux"
        let size = isTerminal ? StandardStreams.terminalSize : (columns: 0, rows: 0)
        columns = size.columns > 0 ? size.columns : 80
        rows = size.rows > 0 ? size.rows : nil
    }

    /// Whether the terminal knows no escapes.
    static var isDumb: Bool { CurrentProcess.environment("TERM").map { $0 == "dumb" || $0.isEmpty } ?? true }

    /// Writes to standard output, and waits until all of it has been taken.
    ///
    /// - Throws: that it cannot be written, as on a full disk, and why.
    static func write(_ bytes: [UInt8]) throws {
        do throws(SystemError) {
            try StandardStreams.writeOutput(bytes)
        } catch {
            throw StartError(description: "cannot write to standard output: \(error.reason)")
        }
    }
}
