import Advice

/// Lines for a terminal: wrapped between columns, with colours if wanted, and without control
/// characters from outside.
struct TerminalText {
    /// How a piece of text looks.
    enum Style: String {
        case plain = ""
        case bold = "1"
        case dim = "2"
        case red = "1;31"
        case yellow = "33"
        case cyan = "36"
        case green = "32"
    }

    /// The columns of a line.
    let width: Int
    private let hasColour: Bool
    private let hasLinks: Bool
    private(set) var text = ""

    init(width: Int, hasColour: Bool, hasLinks: Bool) {
        self.width = width
        self.hasColour = hasColour
        self.hasLinks = hasLinks
    }

    mutating func newLine() { text += "\n" }

    /// A piece of text in a style.
    func styled(_ piece: String, _ style: Style) -> String {
        let piece = Self.harmless(piece)
        guard hasColour, style != .plain, !piece.isEmpty else { return piece }
        return "\u{1b}[\(style.rawValue)m\(piece)\u{1b}[0m"
    }

    /// A link to a page, on terminals that support links (OSC 8).
    func link(_ piece: String, to address: String, _ style: Style) -> String {
        let shown = styled(piece, style)
        guard hasLinks else { return shown }
        return "\u{1b}]8;;\(Self.harmless(address))\u{1b}\\\(shown)\u{1b}]8;;\u{1b}\\"
    }

    /// Appends text as it is.
    mutating func append(_ styled: String) { text += styled }

    /// Appends a label at a column and, after it, text that wraps at its own column.
    ///
    /// - Parameters:
    ///   - label: in the first line only.
    ///   - column: the column of the label, from 1.
    ///   - start: the column of the text.
    mutating func paragraph(
        _ label: String,
        _ labelStyle: Style,
        at column: Int = 1,
        _ paragraph: String,
        _ style: Style = .plain,
        from start: Int
    ) {
        let lines = Self.wrapped(Self.harmless(paragraph), to: max(20, width - start + 1))
        for (index, line) in lines.enumerated() {
            if index == 0, !label.isEmpty {
                text += String(repeating: " ", count: column - 1) + styled(label, labelStyle)
                text += String(repeating: " ", count: max(1, start - column - label.count))
            } else {
                text += String(repeating: " ", count: start - 1)
            }
            text += styled(line, style) + "\n"
        }
    }

    /// Appends a line that is never wrapped, so that it can be copied.
    mutating func command(_ label: String, _ labelStyle: Style, at column: Int, _ command: String, from start: Int) {
        text += String(repeating: " ", count: column - 1) + styled(label, labelStyle)
        text += String(repeating: " ", count: max(0, start - column - label.count)) + styled(command, .plain) + "\n"
    }

    /// Lines of at most `width` characters, broken at spaces. Two spaces in a row stay as they are
    /// within a line, and a number stays with its unit. A word that is longer than a line is broken
    /// where the line ends.
    static func wrapped(_ text: String, to width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for (gap, word) in words(text) {
            if !line.isEmpty, line.count + gap.count + word.count <= width {
                line += gap + word
                continue
            }
            if !line.isEmpty { lines.append(line) }
            var rest = Substring(word)
            while rest.count > width {
                lines.append(String(rest.prefix(width)))
                rest = rest.dropFirst(width)
            }
            line = String(rest)
        }
        lines.append(line)
        return lines
    }

    /// The words of a text, each with the spaces before it. A number and its unit are one word.
    private static func words(_ text: String) -> [(gap: String, word: String)] {
        var words: [(gap: String, word: String)] = []
        var gap = ""
        for part in text.split(separator: " ", omittingEmptySubsequences: false) {
            if !part.isEmpty {
                if let last = words.last, gap == " ", last.word.last?.isNumber == true, isUnit(part) {
                    words[words.count - 1].word += gap + part
                } else {
                    words.append((gap, String(part)))
                }
                gap = ""
            }
            gap.append(" ")
        }
        return words
    }

    private static func isUnit(_ word: Substring) -> Bool {
        let word = word.last.map { ".,;:".contains($0) } == true ? word.dropLast() : word
        return ["%", "s", "ms", "min", "h"].contains(word)
    }

    /// A text without anything that a terminal obeys: control characters are escaped.
    private static func harmless(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { !isPrintable($0) }) else { return text }
        return text.unicodeScalars.map { scalar in
            isPrintable(scalar) ? String(scalar) : Wording.escape(scalar)
        }.joined()
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= 0x20 && scalar.value < 0x7f }
}
