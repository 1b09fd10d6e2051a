package import Advice

/// Reads JSON (RFC 8259) into facts. It takes what the writer writes, and any other JSON of at most 64 levels.
package struct JSONReader {
    /// What is wrong with a text that should be JSON.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        /// Where, in bytes from 0.
        package let offset: Int
        /// What stands there, or is missing.
        package let problem: String

        /// The offset and the problem as one phrase.
        package var description: String { "byte \(offset): \(problem)" }
    }

    private static let deepest = 64

    private let bytes: [UInt8]
    private var position = 0

    /// The fact of a text.
    package static func fact(_ bytes: [UInt8]) throws(Problem) -> Fact {
        var reader = JSONReader(bytes: bytes)
        let fact = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else { throw reader.problem("expected the end") }
        return fact
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private func problem(_ text: String) -> Problem { Problem(offset: position, problem: text) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { position += 1 }
    }

    private mutating func take(_ byte: Character) -> Bool {
        guard next == byte.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func takeWord(_ word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    private mutating func value(depth: Int) throws(Problem) -> Fact {
        guard depth < Self.deepest else { throw problem("more than \(Self.deepest) levels") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return .object(try members(depth: depth))
        case UInt8(ascii: "["): return .list(try items(depth: depth))
        case UInt8(ascii: "\""): return .text(try text())
        default: break
        }
        if takeWord("null") { return .null }
        if takeWord("true") { return .bool(true) }
        if takeWord("false") { return .bool(false) }
        return try number()
    }

    private mutating func members(depth: Int) throws(Problem) -> [Fact.Member] {
        position += 1
        var members: [Fact.Member] = []
        skipSpace()
        if take("}") { return [] }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw problem("expected a name in quotation marks") }
            let name = try text()
            skipSpace()
            guard take(":") else { throw problem("expected ':'") }
            members.append(.init(name, try value(depth: depth + 1)))
            skipSpace()
            if take("}") { return members }
            guard take(",") else { throw problem("expected ',' or '}'") }
        }
    }

    private mutating func items(depth: Int) throws(Problem) -> [Fact] {
        position += 1
        var items: [Fact] = []
        skipSpace()
        if take("]") { return [] }
        while true {
            items.append(try value(depth: depth + 1))
            skipSpace()
            if take("]") { return items }
            guard take(",") else { throw problem("expected ',' or ']'") }
        }
    }

    private mutating func number() throws(Problem) -> Fact {
        let start = position
        _ = take("-")
        let isZero = take("0")
        guard isZero || skipDigits() else {
            position = start
            throw problem(next == nil ? "the text ends too early" : "expected a value")
        }
        if take("."), !skipDigits() { throw problem("expected a digit") }
        if take("e") || take("E") {
            if !take("-") { _ = take("+") }
            guard skipDigits() else { throw problem("expected a digit") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if let number = Int(text) { return .int(number) }
        if let number = Double(text), number.isFinite { return .double(number) }
        position = start
        throw problem("a number that is too large")
    }

    /// Whether there was a digit at least.
    private mutating func skipDigits() -> Bool {
        let start = position
        while let byte = next, (48...57).contains(byte) { position += 1 }
        return position > start
    }

    private mutating func text() throws(Problem) -> String {
        position += 1
        var piece: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: piece, as: UTF8.self)
            case UInt8(ascii: "\\"): piece += try escaped()
            case 0..<0x20: throw problem("a control character in a text")
            default: piece.append(byte)
            }
        }
        throw problem("the text ends within quotation marks")
    }

    private mutating func escaped() throws(Problem) -> [UInt8] {
        guard let byte = next else { throw problem("the text ends too early") }
        position += 1
        switch byte {
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "u"): break
        default: throw problem("an unknown escape")
        }
        var units = [try unit()]
        if UTF16.isLeadSurrogate(units[0]), takeWord("\\u") { units.append(try unit()) }
        let isPair = units.count == 2 && UTF16.isTrailSurrogate(units[1])
        guard isPair || !UTF16.isSurrogate(units[0]) else { throw problem("half of a surrogate pair") }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }

    private mutating func unit() throws(Problem) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = next.flatMap({ Character(UnicodeScalar($0)).hexDigitValue }) else {
                throw problem("expected four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}
