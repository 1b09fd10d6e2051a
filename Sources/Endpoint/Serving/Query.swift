/// The arguments behind the `?` of a request's target.
enum Query {
    /// Names and values in their order, with percent signs and plus signs decoded. An argument without `=` has an empty
    /// value.
    static func arguments(of target: [UInt8]) -> [(name: String, value: String)] {
        guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return [] }
        return target[mark...].dropFirst().split(separator: UInt8(ascii: "&")).map { argument in
            let parts = argument.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (decoded(parts[0]), parts.count > 1 ? decoded(parts[1]) : "")
        }
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var place = text.startIndex
        while place < text.endIndex {
            let next = text.index(after: place)
            let digits = text[next...].prefix(2)
            if text[place] == UInt8(ascii: "%"), digits.count == 2, let byte = byte(digits) {
                bytes.append(byte)
                place = digits.endIndex
            } else {
                bytes.append(text[place] == UInt8(ascii: "+") ? UInt8(ascii: " ") : text[place])
                place = next
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func byte(_ digits: ArraySlice<UInt8>) -> UInt8? {
        // UInt8(_:radix:) takes a sign too.
        guard digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-") else { return nil }
        return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
