extension [UInt8] {
    /// The line that a byte stands in, from 1.
    func line(ofByteAt offset: Int) -> Int {
        1 + self[..<Swift.min(offset, count)].count { $0 == UInt8(ascii: "\n") }
    }

    /// Throws at the first byte that does not belong to UTF-8.
    func refuseOtherThanUTF8() throws(YAMLSyntaxError) {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: span)
        } catch {
            throw YAMLSyntaxError(
                line: line(ofByteAt: error.byteOffsets.lowerBound),
                reason: "a byte is not UTF-8; expected the file in UTF-8"
            )
        }
    }
}
