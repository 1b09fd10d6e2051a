/// Scanning of the kernel's texts, which are lines of words. Positions are offsets in bytes; nothing is copied.
extension Span<UInt8> {
    /// The line that starts at `position`, without its newline, which moves to the next one; nil at the end. A last
    /// line without a newline is a line too.
    func line(at position: inout Int) -> Range<Int>? {
        guard position < count else { return nil }
        let start = position
        while position < count, self[position] != UInt8(ascii: "\n") { position += 1 }
        defer { position += 1 }
        return start..<position
    }

    /// The next word before `end`, from `position`, which moves behind it; nil where only white space is left.
    func word(at position: inout Int, before end: Int) -> Range<Int>? {
        while position < end, self[position] == UInt8(ascii: " ") || self[position] == UInt8(ascii: "\t") {
            position += 1
        }
        let start = position
        while position < end, self[position] != UInt8(ascii: " "), self[position] != UInt8(ascii: "\t") {
            position += 1
        }
        return start < position ? start..<position : nil
    }

    /// Whether exactly this text stands in the range.
    func holds(_ text: String, in range: Range<Int>) -> Bool {
        range.count == text.utf8.count && starts(with: text, at: range.lowerBound)
    }

    /// Whether this text stands at the position.
    func starts(with text: String, at position: Int = 0) -> Bool {
        guard position + text.utf8.count <= count else { return false }
        var position = position
        for byte in text.utf8 {
            if self[position] != byte { return false }
            position += 1
        }
        return true
    }

    /// The decimal number that fills the range; nil where it holds anything else or the number is too large.
    func decimal<Number: FixedWidthInteger>(in range: Range<Int>, as type: Number.Type = Number.self) -> Number? {
        guard !range.isEmpty else { return nil }
        var value: Number = 0
        for index in range {
            let digit = self[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Number(digit))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// The text of a range, for messages.
    func text(in range: Range<Int>) -> String {
        String(decoding: range.map { self[$0] }, as: UTF8.self)
    }
}
