/// A position in a configuration file.
package struct Place: Equatable, Sendable {
    /// The path of the file, as the user gave it.
    package let file: String
    /// The line, from 1.
    package let line: Int
    /// The key with all keys above it, as `tls_server_config.cipher_suites[0]`; empty for the document as a whole.
    package let key: String

    /// A position in a file.
    package init(file: String, line: Int, key: String) {
        self.file = file
        self.line = line
        self.key = key
    }
}

/// What is wrong in a configuration file, or deserves a warning, and what would be right. It contains no password, hash
/// or key.
package struct Problem: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where it is wrong.
    package let place: Place
    /// What is wrong, and what would be right.
    package let reason: String

    /// A problem at a place.
    package init(place: Place, reason: String) {
        self.place = place
        self.reason = reason
    }

    /// A problem with the document as a whole.
    init(_ file: String, line: Int, _ reason: String) {
        self.init(place: Place(file: file, line: line, key: ""), reason: reason)
    }

    /// File, line, key and reason, as `web.yml:3: tls_server_config.cert_fil: unknown key; …`. Always one line.
    package var description: String {
        let key = place.key.isEmpty ? "" : place.key.onOneLine() + ": "
        return "\(place.file.onOneLine()):\(place.line): \(key)\(reason.onOneLine())"
    }
}

extension String {
    /// The text as a log line or an error message can show it: text from outside can neither begin a new line, nor control
    /// a terminal, nor reverse what stands after it, nor flood a log.
    ///
    /// Control characters (C0, DEL, C1), line and paragraph separators and invisible format characters, among them those
    /// that change the direction of writing, become escapes as in Swift: `\n`, `\u{0085}`, `\u{202E}`. A backslash stays as
    /// it is, so the result is for people and cannot be converted back.
    ///
    /// - Parameter limit: the most bytes of UTF-8 in the result; "…" follows where the text would need more. The time and
    ///   the memory that this takes depend on the limit, not on the length of the text.
    package func onOneLine(limit: Int = 4_096) -> String {
        var line = ""
        for scalar in unicodeScalars {
            let shown = scalar.isHidden ? scalar.escaped(asASCII: true) : String(scalar)
            guard line.utf8.count + shown.utf8.count <= limit else { return line + "…" }
            line += shown
        }
        return line
    }

    /// Whether the text contains a line break or another control character.
    var hasControlCharacters: Bool { unicodeScalars.contains { $0.isHidden && !$0.isFormat } }

    /// The beginning of the text in quotation marks.
    var quoted: String { "\"\(onOneLine(limit: 60))\"" }

    /// The text as the name of a key, up to what cannot be a name: with a space forgotten, as in `{alice:secret}`, a
    /// password or a hash becomes a part of the key.
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
    fileprivate var isFormat: Bool { properties.generalCategory == .format }

    /// Whether it shows as nothing, or changes how what stands around it is shown: control characters, C1 among them,
    /// line and paragraph separators, and format characters such as U+202E, which turns the direction of writing.
    package var isHidden: Bool {
        [.control, .format, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
    }
}
