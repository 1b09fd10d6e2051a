/// Durations as Go writes them: `1s`, `1m30s`, `1.5h`, `250ms`, and 0, which needs no unit.
enum GoDuration {
    enum Fault: Error { case noUnit, negative, tooLong, malformed }

    private static let nanoseconds: [String: UInt128] = [
        "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000,
        "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
    ]

    /// Reads a duration and cuts off what is below a nanosecond.
    static func read(_ text: String) throws(Fault) -> Duration {
        var rest = text.unicodeScalars[...]
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        if rest.elementsEqual(["0"]) { return .zero }
        if rest.isEmpty { throw .malformed }
        var total: UInt128 = 0
        while !rest.isEmpty {
            total += try part(&rest)
            if total > Int64.max { throw .tooLong }
        }
        if isNegative, total > 0 { throw .negative }
        return .nanoseconds(Int64(total))
    }

    /// Removes a number and its unit from the front.
    ///
    /// - Returns: nanoseconds.
    private static func part(_ rest: inout Substring.UnicodeScalarView) throws(Fault) -> UInt128 {
        let digits: ClosedRange<Unicode.Scalar> = "0"..."9"
        let whole = remove(&rest) { digits.contains($0) }
        var fraction = ""
        if rest.first == "." {
            rest.removeFirst()
            fraction = remove(&rest) { digits.contains($0) }
        }
        if whole.isEmpty, fraction.isEmpty { throw .malformed }
        if rest.isEmpty { throw .noUnit }
        guard let unit = nanoseconds[remove(&rest) { !digits.contains($0) && $0 != "." }] else { throw .malformed }
        guard let whole = whole.isEmpty ? 0 : UInt128(whole), whole <= Int64.max else { throw .tooLong }
        // An hour has 13 digits of nanoseconds, so digits after the 18th do not count.
        let below = fraction.prefix(18)
        let scale = below.reduce(UInt128(1)) { scale, _ in scale * 10 }
        return whole * unit + (UInt128(below) ?? 0) * unit / scale
    }

    private static func remove(
        _ rest: inout Substring.UnicodeScalarView,
        while belongs: (Unicode.Scalar) -> Bool
    ) -> String {
        let removed = rest.prefix(while: belongs)
        rest.removeFirst(removed.count)
        return String(removed)
    }
}
