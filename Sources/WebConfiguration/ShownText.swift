/// How texts of the file are shown in a message. They are cut by Unicode scalars: a character has no longest length, and
/// a colon with an accent is a character of its own.
extension String {
    private static let longest = 60
    private static let longestKey = 32

    /// Whether the text holds a line break or another control character.
    var hasControlCharacters: Bool { unicodeScalars.contains { $0.isControl } }

    /// The text with every line break and control character escaped as in Swift.
    var onOneLine: String {
        guard hasControlCharacters else { return self }
        var line = ""
        for scalar in unicodeScalars {
            if scalar.isControl { line += scalar.escaped(asASCII: true) } else { line.unicodeScalars.append(scalar) }
        }
        return line
    }

    /// The text in quotation marks, the beginning of it where it is long.
    var quoted: String {
        let beginning = unicodeScalars.prefix(Self.longest)
        return "\"\(String(beginning))\(beginning.endIndex == endIndex ? "" : "…")\""
    }

    /// The text as the name of a key, without what is no name: where a space is forgotten or columns are confused, as
    /// in `{alice:secret}`, a password or a hash becomes a part of the key.
    var shownAsKey: String {
        if isEmpty { return "\"\"" }
        var name = unicodeScalars.prefix { $0 != ":" }
        if let hash = name.firstRange(of: "$2".unicodeScalars) { name = name[..<hash.lowerBound] }
        if name.count > Self.longestKey { name = name.prefix(8) }
        return name.endIndex == endIndex ? self : "\(String(name))…"
    }
}

extension Unicode.Scalar {
    /// Unicode's control characters, and its two separators that some terminals break a line at.
    fileprivate var isControl: Bool {
        properties.generalCategory == .control || value == 0x2028 || value == 0x2029
    }
}
