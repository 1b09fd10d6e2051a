/// How texts of the file are shown in a message.
extension String {
    private static let longest = 60

    /// Whether the text holds a line break or another control character.
    var hasControlCharacters: Bool { unicodeScalars.contains { $0.isControl } }

    /// The text with every line break and control character written as `\u{…}`.
    var onOneLine: String {
        guard hasControlCharacters else { return self }
        var line = ""
        for scalar in unicodeScalars {
            if scalar.isControl { line += scalar.escaped(asASCII: true) } else { line.unicodeScalars.append(scalar) }
        }
        return line
    }

    /// The text in quotation marks, the beginning of it where it is long.
    var quoted: String { count > Self.longest ? "\"\(prefix(Self.longest))…\"" : "\"\(self)\"" }

    /// The text as the name of a key, in which a forgotten space or two confused columns leave no secret to be shown:
    /// `{alice:secret}` is a key too, and so is a hash that stands where the user's name belongs.
    var shownAsKey: String {
        if hasPrefix("$2") { return "$2…" }
        let name = prefix { $0 != ":" }.prefix(Self.longest)
        return name.count == count ? self : "\(name)…"
    }
}

extension Unicode.Scalar {
    /// Unicode's control characters, and its two separators that some terminals break a line at.
    fileprivate var isControl: Bool {
        properties.generalCategory == .control || value == 0x2028 || value == 0x2029
    }
}
