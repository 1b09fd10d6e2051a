import Glibc

/// What standard output is, and how much of a terminal's it can.
struct Terminal {
    /// Whether standard output is a terminal.
    let isTerminal: Bool
    /// Whether it is a terminal on which a page can be drawn over.
    let movesCursor: Bool
    /// Whether it shows colours.
    let hasColour: Bool
    /// Whether it shows links.
    let hasLinks: Bool
    /// Its columns; 80 where it is none.
    let columns: Int
    /// Its rows; nil where it is none, or does not say.
    let rows: Int?

    /// When colours are wanted, by the names of `--color`.
    enum ColourChoice: String, CaseIterable {
        case auto
        case always
        case never
    }

    init(_ choice: ColourChoice) {
        isTerminal = isatty(STDOUT_FILENO) == 1
        let isDumb = Self.isDumb
        movesCursor = isTerminal && !isDumb
        let isUnwanted = Self.environment("NO_COLOR").map { !$0.isEmpty } ?? false
        hasColour =
            switch choice {
            case .always: true
            case .never: false
            case .auto: isTerminal && !isDumb && !isUnwanted
            }
        // The console of Linux, and programs that only copy what they are given, print the escapes.
        hasLinks = isTerminal && hasColour && !isDumb && Self.environment("TERM") != "linux"
        let size = isTerminal ? Self.size : winsize()
        columns = size.ws_col > 0 ? Int(size.ws_col) : 80
        rows = size.ws_row > 0 ? Int(size.ws_row) : nil
    }

    /// Whether the terminal knows no escapes.
    static var isDumb: Bool { environment("TERM").map { $0 == "dumb" || $0.isEmpty } ?? true }

    /// The value of a variable of the environment.
    private static func environment(_ name: String) -> String? {
        // The text belongs to the environment, which nobody changes here, and is copied at once.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// The size of the terminal; zeros where it does not say.
    private static var size: winsize {
        var size = winsize()
        // Unsafe only because ioctl() is variadic; the kernel fills the struct.
        return unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 ? size : winsize()
    }
}
