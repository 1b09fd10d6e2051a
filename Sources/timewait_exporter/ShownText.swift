import WebConfiguration

/// A text from outside, as it is shown in the log and in an error: bounded, and with nothing in it that a
/// terminal or a reader of logs obeys.
struct ShownText {
    /// The most scalars of a text that are shown. Whoever sends a text of 100 MB must not fill a disk with it.
    /// Not characters: these have no longest length.
    static let longest = 1024

    /// The text, or its beginning.
    private let beginning: Substring.UnicodeScalarView
    /// Whether the text is longer than what is shown of it.
    let isCut: Bool

    init(_ text: String) {
        beginning = text.unicodeScalars.prefix(Self.longest)
        isCut = beginning.endIndex != text.endIndex
    }

    /// As a string of JSON, with its quotation marks. An ellipsis stands behind a text that is cut.
    var quoted: String {
        var quoted = "\""
        for scalar in beginning {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            default: quoted += scalar.escapedIfHidden
            }
        }
        return quoted + (isCut ? "…\"" : "\"")
    }

    /// A whole message on one line. Of one that is too long the middle is left out: it begins with what is
    /// wrong, and ends with what would be right.
    static func line(_ message: String) -> String {
        let scalars = message.unicodeScalars
        guard scalars.count > 2 * longest else { return escaped(scalars[...]) }
        return escaped(scalars.prefix(longest)) + "…" + escaped(scalars.suffix(longest))
    }

    private static func escaped(_ text: Substring.UnicodeScalarView) -> String {
        text.map(\.escapedIfHidden).joined()
    }
}

extension Unicode.Scalar {
    /// Whether it is white space of any kind, at which readers of logfmt may end a word.
    var separatesWords: Bool { properties.isWhitespace }

    /// The scalar, or its escape in JSON.
    fileprivate var escapedIfHidden: String {
        guard isHidden else { return String(self) }
        switch self {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            return utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
    }
}
