/// A position in a configuration file.
package struct Place: Equatable, Sendable {
    /// The path of the file, as the user gave it.
    package let file: String
    package let line: Int
    /// The key with all keys above it, as `tls_server_config.cipher_suites[0]`; empty for the
    /// document as a whole.
    package let key: String

    package init(file: String, line: Int, key: String) {
        (self.file, self.line, self.key) = (file, line, key)
    }
}

/// What is wrong in a configuration file, or deserves a warning, and what would be right. It
/// contains no password, hash or key.
package struct Problem: Error, Equatable, Sendable, CustomStringConvertible {
    package let place: Place
    package let reason: String

    package init(place: Place, reason: String) {
        (self.place, self.reason) = (place, reason)
    }

    /// A problem with the document as a whole.
    package init(_ file: String, line: Int = 1, _ reason: String) {
        self.init(place: Place(file: file, line: line, key: ""), reason: reason)
    }

    /// File, line, key and reason, as `web.yml:3: tls_server_config.cert_fil: unknown key; …`.
    /// Always one line.
    package var description: String {
        let key = place.key.isEmpty ? "" : place.key.onOneLine() + ": "
        return "\(place.file.onOneLine()):\(place.line): \(key)\(reason.onOneLine())"
    }
}

extension String {
    /// The text as a log line or an error message can show it: text from outside can neither begin
    /// a new line, nor control a terminal, nor reverse what stands after it, nor flood a log.
    ///
    /// Control characters (C0, DEL, C1), line and paragraph separators and invisible format
    /// characters, among them those that change the direction of writing, become escapes as in
    /// JSON: `\n`, `\u0085`, `\u202e`.
    ///
    /// - Parameters:
    ///   - limit: the most scalars that are shown from the beginning; "…" replaces what is
    ///     left out. Not characters: these have no longest length.
    ///   - ending: the most that are shown from the end of a longer text.
    ///   - marks: what gets a backslash, too, so that the result can be put into quotation marks.
    package func onOneLine(limit: Int = 1_024, ending: Int = 0, escaping marks: String = "") -> String {
        let beginning = unicodeScalars.prefix(limit)
        let rest = unicodeScalars[beginning.endIndex...]
        let end = rest.suffix(ending)
        func shown(_ part: Substring.UnicodeScalarView) -> String {
            part.map { marks.unicodeScalars.contains($0) ? "\\\($0)" : $0.shown }.joined()
        }
        return shown(beginning) + (end.startIndex > rest.startIndex ? "…" : "") + shown(end)
    }

    /// Whether the text contains a line break or another control character.
    var hasControlCharacters: Bool {
        unicodeScalars.contains { $0.isHidden && $0.properties.generalCategory != .format }
    }

    /// The beginning of the text in quotation marks.
    package var quoted: String { "\"\(onOneLine(limit: 60))\"" }

    /// The text as the name of a key, up to what cannot be a name: with a space forgotten, as in
    /// `{alice:secret}`, a password or a hash becomes a part of the key.
    var shownAsKey: String {
        if isEmpty { return "\"\"" }
        // A colon with an accent is a Character of its own, so this compares scalars.
        var name = unicodeScalars.prefix { $0 != ":" }
        if let hash = name.firstRange(of: "$2".unicodeScalars) { name = name[..<hash.lowerBound] }
        if name.count > 32 { name = name.prefix(8) }
        return name.endIndex == endIndex ? self : "\(String(name))…"
    }
}

extension Unicode.Scalar {
    fileprivate var isHidden: Bool {
        [.control, .format, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
    }

    /// The scalar, or its escape in JSON where it shows as nothing or changes how what stands
    /// around it is shown.
    fileprivate var shown: String {
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
