package import Advice

/// Writes facts as JSON (RFC 8259), members in their order, indented by two spaces.
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
        // JSON has no infinity: what never comes is null.
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

    /// A number with at most three decimals: no measure here is finer.
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
