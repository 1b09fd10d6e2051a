/// An enum of the words of a file.
package typealias Word = CaseIterable & RawRepresentable<String>

// What the decoder asks a value. Each question expects one kind of value; another kind is a
// problem.
extension Value {
    /// Whether the value is one of YAML's words for nothing.
    package var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    package func problem(_ reason: String) -> Problem { Problem(place: place, reason: reason) }

    package func wrongKind(_ expected: String) -> Problem {
        let found =
            switch content {
            case .scalar: isNull ? "nothing" : "a string"
            case .list: "a list"
            case .mapping: "a mapping"
            }
        return problem("expected \(expected), found \(found)")
    }

    /// A string, or the text of a number, a date or a boolean.
    package func text(expecting kind: String = "a string") throws(Problem) -> String {
        guard case .scalar(let text, _) = content, !isNull else { throw wrongKind(kind) }
        return text
    }

    /// The text of a scalar that is not a string, such as a number.
    private func plainText(expecting kind: String) throws(Problem) -> String {
        let text = try text(expecting: kind)
        guard case .scalar(_, isPlain: true) = content else {
            throw problem("expected \(kind) without quotation marks, found the string \(text.quoted)")
        }
        return text
    }

    package func items() throws(Problem) -> [Value] {
        guard case .list(let items) = content else { throw wrongKind("a list") }
        return items
    }

    /// The keys and values of a mapping; none of null.
    package func entries() throws(Problem) -> [Entry] {
        if isNull { return [] }
        guard case .mapping(let entries) = content else { throw wrongKind("a mapping") }
        return entries
    }

    /// One of several words, spelled as in the enum.
    package func choice<Choice: Word>(_ what: String) throws(Problem) -> Choice {
        let text = try text()
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw problem("unknown \(what) \(text.quoted); expected one of \(known)")
    }

    package func choices<Choice: Word>(_ what: String) throws(Problem) -> [Choice] {
        try items().map { item throws(Problem) in try item.choice(what) }
    }

    /// A boolean in one of YAML 1.1's words.
    package func boolean() throws(Problem) -> Bool {
        let text = try plainText(expecting: "true or false")
        switch text {
        case "true", "True", "TRUE", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON": return true
        case "false", "False", "FALSE", "no", "No", "NO", "n", "N", "off", "Off", "OFF": return false
        default: throw problem("expected true or false, found \(text.quoted)")
        }
    }

    /// A whole number from 0 on.
    package func count() throws(Problem) -> Int {
        let text = try plainText(expecting: "a whole number")
        // YAML 1.1 reads 010 as 8; people read it as 10.
        guard text.wholeMatch(of: /0|[1-9][0-9]*/) != nil else {
            throw problem("expected a whole number from 0 on in decimal digits, found \(text.quoted)")
        }
        guard let number = Int(text) else { throw problem("expected at most \(Int.max), found \(text.quoted)") }
        return number
    }

    /// A duration as Go writes it: `1s`, `1m30s`, `1.5h`, `250ms`, and 0, which needs no unit. What
    /// is below a nanosecond is cut off.
    ///
    /// - Parameter zero: what 0 means, for the message; nil where it has no meaning of its own.
    package func duration(zero: String? = nil) throws(Problem) -> Duration {
        let text = try text(expecting: "a duration")
        func refused(_ reason: String) -> Problem {
            problem("\(reason); expected one as 1s, 250ms or 1m30s\(zero.map { ", or 0 for \($0)" } ?? "")")
        }
        let isNegative = text.hasPrefix("-")
        var rest = text.dropFirst(isNegative || text.hasPrefix("+") ? 1 : 0)
        if rest == "0" { return .zero }
        var total: UInt128 = 0
        repeat {
            guard let part = rest.prefixMatch(of: /([0-9]*)\.?([0-9]*)([^0-9.]*)/), !(part.1 + part.2).isEmpty else {
                throw refused("\(text.quoted) is no duration")
            }
            rest = rest[part.range.upperBound...]
            if part.3.isEmpty, rest.isEmpty { throw refused("the number \(text.quoted) has no unit") }
            guard let unit = DurationUnits.nanoseconds[part.3] else { throw refused("\(text.quoted) is no duration") }
            // An hour has 13 digits of nanoseconds, so digits after the 18th do not count.
            let below = part.2.prefix(18)
            let scale = below.reduce(UInt128(1)) { scale, _ in scale * 10 }
            let whole = part.1.isEmpty ? 0 : UInt128(part.1) ?? .max
            total += min(whole, UInt128(Int64.max)) * UInt128(unit) + (UInt128(below) ?? 0) * UInt128(unit) / scale
            guard whole <= Int64.max, total <= Int64.max else {
                throw refused("the duration \(text.quoted) is longer than 292 years")
            }
        } while !rest.isEmpty
        if isNegative, total > 0 { throw refused("the duration \(text.quoted) is negative") }
        return .nanoseconds(Int64(total))
    }
}

/// The units of durations, as Go writes them.
package enum DurationUnits {
    /// How many nanoseconds each has. The micro sign and the Greek letter both stand before `s`.
    package static let nanoseconds: [Substring: UInt64] = [
        "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000,
        "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
    ]
}

/// A mapping whose keys are known.
package struct Section {
    package let entries: [Value.Entry]

    package init(_ value: Value, keys: [String]) throws(Problem) {
        entries = try value.entries()
        for entry in entries where !keys.contains(entry.key) {
            throw entry.value.problem("unknown key; expected one of \(keys.joined(separator: ", "))")
        }
    }

    /// The value of a key; nil where the key is absent or null.
    package subscript(key: String) -> Value? { entries.first { $0.key == key && !$0.value.isNull }?.value }

    /// A text and its value; nil where the key is absent, null or the text empty, which all mean
    /// the same.
    package func nonEmptyText(_ key: String) throws(Problem) -> (text: String, value: Value)? {
        guard let value = self[key] else { return nil }
        let text = try value.text()
        return text.isEmpty ? nil : (text, value)
    }

    /// The value of a key that is there and says nothing.
    func blank(_ key: String) -> Value? {
        guard let value = entries.first(where: { $0.key == key })?.value else { return nil }
        if case .scalar("", _) = value.content { return value }
        return value.isNull ? value : nil
    }
}
