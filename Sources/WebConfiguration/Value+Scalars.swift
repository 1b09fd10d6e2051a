/// A choice between words of the file.
typealias Word = CaseIterable & RawRepresentable<String>

extension Value {
    /// One of several words, in their own spelling.
    func choice<Choice: Word>(what: String) throws(Problem) -> Choice {
        let text = try text()
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw problem("unknown \(what) \(text.quoted); expected one of \(known)")
        }
        return choice
    }

    /// A boolean as YAML 1.1 writes it.
    func boolean() throws(Problem) -> Bool {
        let text = try plainText(expecting: "true or false")
        switch text {
        case "true", "True", "TRUE", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON": return true
        case "false", "False", "FALSE", "no", "No", "NO", "n", "N", "off", "Off", "OFF": return false
        default: throw problem("expected true or false, found \(text.quoted)")
        }
    }

    /// A whole number from 0 on.
    func count() throws(Problem) -> Int {
        let text = try plainText(expecting: "a whole number")
        // YAML 1.1 takes 010 for 8, and people do not.
        let hasLeadingZero = text.utf8.count > 1 && text.hasPrefix("0")
        guard text.utf8.allSatisfy(\.isDigit), !hasLeadingZero else {
            throw problem("expected a whole number from 0 on in decimal digits, found \(text.quoted)")
        }
        guard let number = Int(text) else { throw problem("expected at most \(Int.max), found \(text.quoted)") }
        return number
    }
}

extension UInt8 {
    /// Whether the byte is a decimal digit.
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
