package import Advice

/// Writes facts as JSON (RFC 8259), with members in their order and an indentation of two spaces.
package struct JSONWriter {
    private var bytes: [UInt8] = []

    /// The text of a fact, with a newline at its end.
    package static func text(_ fact: Fact) -> [UInt8] {
        var writer = JSONWriter()
        writer.write(fact, depth: 0)
        writer.bytes.append(UInt8(ascii: "\n"))
        return writer.bytes
    }

    private mutating func write(_ fact: Fact, depth: Int) {
        switch fact {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .int(let value): append("\(value)")
        // JSON has no infinity.
        case .double(let value): append(value.isFinite ? Self.shortest(value) : "null")
        case .text(let value): write(value)
        case .list(let values):
            writeItems(values, "[", "]", depth: depth) { $0.write($1, depth: depth + 1) }
        case .object(let members):
            writeItems(members, "{", "}", depth: depth) { writer, member in
                writer.write(member.name)
                writer.append(": ")
                writer.write(member.value, depth: depth + 1)
            }
        }
    }

    /// A number with at most three decimals: no value here is more precise.
    private static func shortest(_ value: Double) -> String {
        guard abs(value) < 1e12 else { return "\(value)" }
        let rounded = (value * 1000).rounded() / 1000
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }

    private mutating func writeItems<Item>(
        _ items: [Item],
        _ opening: String,
        _ closing: String,
        depth: Int,
        _ write: (inout JSONWriter, Item) -> Void
    ) {
        append(opening)
        for (index, item) in items.enumerated() {
            append(index == 0 ? "\n" : ",\n")
            append(String(repeating: "  ", count: depth + 1))
            write(&self, item)
        }
        if !items.isEmpty { append("\n" + String(repeating: "  ", count: depth)) }
        append(closing)
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
            default: bytes.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

/// Parses JSON (RFC 8259) of at most 64 levels into facts.
package struct JSONReader {
    /// A syntax error.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        /// The byte offset, from 0.
        package let offset: Int
        package let problem: String

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

    /// Whether there was at least one digit.
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
