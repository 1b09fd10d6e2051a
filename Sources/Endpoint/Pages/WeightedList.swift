/// The alternatives of a header such as `Accept` or `Accept-Encoding`, each with its weight (RFC 9110, 12.4.2 and 12.5).
struct WeightedList {
    /// One alternative: `text/plain;version=0.0.4;q=0.5` has the value `text/plain`, one parameter and the weight 0.5.
    struct Alternative {
        /// In lower case.
        let value: String
        /// Names in lower case, values without quotation marks; `q` is not among them.
        let parameters: [String: String]
        /// 0 (never) to 1.
        let weight: Double
    }

    /// In the header's order. Entries with an invalid weight are dropped.
    let alternatives: [Alternative]

    /// No client has a longer list; what is behind this many bytes is not read.
    private static let longest = 1024

    /// Reads the value of a header; several headers of one name count as one with commas between.
    init(_ text: String) {
        let beginning = String(decoding: text.utf8.prefix(Self.longest), as: UTF8.self)
        alternatives = Self.split(beginning, at: ",").compactMap(Self.alternative)
    }

    private static func alternative(_ text: String) -> Alternative? {
        let parts = split(text, at: ";")
        guard let value = parts.first, !value.isEmpty else { return nil }
        var parameters: [String: String] = [:]
        var weight = 1.0
        for part in parts.dropFirst() {
            guard let sign = part.firstIndex(of: "=") else { continue }
            let name = trimmed(part[..<sign]).lowercased()
            let value = unquoted(trimmed(part[part.index(after: sign)...]))
            if name == "q" {
                guard let number = Self.weight(value) else { return nil }
                weight = number
            } else {
                parameters[name] = value
            }
        }
        return Alternative(value: value.lowercased(), parameters: parameters, weight: weight)
    }

    /// `0`, `1`, or one of them with up to three digits behind a point.
    private static func weight(_ text: String) -> Double? {
        let isPlain = text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == UInt8(ascii: ".") }
        guard isPlain, text.utf8.count <= 5, let number = Double(text), number <= 1 else { return nil }
        return number
    }

    /// The trimmed pieces between separators that do not stand in quotation marks.
    private static func split(_ text: String, at separator: Character) -> [String] {
        var pieces: [String] = [""]
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if character == separator, !isQuoted {
                pieces.append("")
            } else {
                pieces[pieces.count - 1].append(character)
            }
        }
        return pieces.map { trimmed($0[...]) }
    }

    private static func trimmed(_ text: Substring) -> String {
        func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return String(text)
    }

    private static func unquoted(_ text: String) -> String {
        text.count >= 2 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
    }
}
