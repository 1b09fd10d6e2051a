import Exposition

/// A page taken apart by the rules of the text formats, as a reader of its own that knows nothing
/// of the writer. A page that breaks one of them ends the process.
struct ExpositionText {
    struct Series: Hashable {
        let name: String
        /// Names and values in turn.
        let labels: [String]
    }

    private(set) var values: [Series: Double] = [:]
    private(set) var kinds: [String: String] = [:]

    private let bytes: [UInt8]
    private let format: TextFormat
    private var position = 0

    init(_ page: Page) {
        bytes = page.bytes
        format = page.format
        must(String(validating: bytes, as: UTF8.self) != nil, "the page is not UTF-8")
        checkSections(page)
        var family = ""
        var hasEnd = false
        while position < bytes.count {
            must(!hasEnd, "a line follows the end of the page")
            if !starts(with: "#") {
                sample(of: family)
            } else if starts(with: "# EOF\n") {
                hasEnd = true
                position += 6
            } else {
                family = header()
            }
        }
        must(hasEnd == (format == .openMetrics), "an end of the page")
    }

    private func checkSections(_ page: Page) {
        var end = 0
        for section in page.sections {
            must(section.range.lowerBound == end, "a gap before a section")
            end = section.range.upperBound
            must(end == 0 || bytes[end - 1] == UInt8(ascii: "\n"), "a section ends within a line")
        }
        must(end == bytes.count, "the sections are not the page")
    }

    /// HELP and TYPE of a family that has not come yet.
    private mutating func header() -> String {
        expect("# HELP ")
        let name = self.name()
        expect(" ")
        while let byte = next(), byte != UInt8(ascii: "\n") {
            if byte == UInt8(ascii: "\\") {
                let escaped = next()
                let isKnown = escaped == UInt8(ascii: "\\") || escaped == UInt8(ascii: "n")
                must(isKnown || format == .openMetrics && escaped == UInt8(ascii: "\""), "an escape in HELP")
            } else {
                must(byte != UInt8(ascii: "\"") || format == .prometheus, "a quotation mark in HELP")
            }
        }
        expect("# TYPE \(name) ")
        let kind = word()
        expect("\n")
        must(kind == "gauge" || kind == "counter", "the type \(kind)")
        must(kinds.updateValue(kind, forKey: name) == nil, "the family \(name) comes again")
        return name
    }

    private mutating func sample(of family: String) {
        let name = self.name()
        let isNamed = name == family + (format == .openMetrics && kinds[family] == "counter" ? "_total" : "")
        must(isNamed, "a sample \(name) in the family \(family)")
        var labels: [String] = []
        if starts(with: "{") {
            repeat {
                position += 1
                labels.append(self.name())
                expect("=\"")
                labels.append(labelValue())
            } while starts(with: ",")
            expect("}")
        }
        expect(" ")
        let text = word()
        expect("\n")
        let isFinite = !text.isEmpty && text.utf8.allSatisfy { "0123456789+-.e".utf8.contains($0) }
        must(isFinite || ["+Inf", "-Inf", "NaN"].contains(text), "the value \(text)")
        guard let value = Double(text) else { return must(false, "the value \(text)") }
        let isNew = values.updateValue(value, forKey: Series(name: name, labels: labels)) == nil
        must(isNew, "the series \(name)\(labels) comes twice")
    }

    private mutating func name() -> String {
        let start = position
        while position < bytes.count, Self.isOfName(bytes[position]) { position += 1 }
        must(position > start && !(48...57).contains(bytes[start]), "a name at byte \(start)")
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, UInt8(ascii: "_"), UInt8(ascii: ":"): true
        default: false
        }
    }

    private mutating func labelValue() -> String {
        var text: [UInt8] = []
        while let byte = next(), byte != UInt8(ascii: "\"") {
            must(byte != UInt8(ascii: "\n"), "a line break in the value of a label")
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            switch next() {
            case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
            case let escaped? where escaped == UInt8(ascii: "\\") || escaped == UInt8(ascii: "\""): text.append(escaped)
            default: must(false, "an escape in the value of a label")
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func word() -> String {
        let start = position
        while position < bytes.count, bytes[position] > 32 { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func next() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    private func starts(with text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func expect(_ text: String) {
        must(starts(with: text), "expected '\(text)' at byte \(position)")
        position += text.utf8.count
    }
}
