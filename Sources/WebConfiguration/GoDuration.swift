/// Durations as Go writes them: `1s`, `1m30s`, `1.5h`, `250ms`, and 0, which needs no unit.
enum GoDuration {
    enum Fault: Error {
        case noUnit
        case negative
        case tooLong
        case malformed
    }

    private static let nanoseconds: [String: UInt64] = [
        "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000,
        "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
    ]

    /// Reads a duration; what is below a nanosecond is cut off.
    static func read(_ text: String) throws(Fault) -> Duration {
        let isNegative = text.hasPrefix("-")
        var rest = text.unicodeScalars[...]
        if isNegative || text.hasPrefix("+") { rest.removeFirst() }
        if String(rest) == "0" { return .zero }
        if rest.isEmpty { throw .malformed }
        var total: UInt64 = 0
        while !rest.isEmpty {
            let (sum, overflow) = total.addingReportingOverflow(try part(&rest))
            guard !overflow, sum <= Int64.max else { throw .tooLong }
            total = sum
        }
        return .nanoseconds(isNegative ? -Int64(total) : Int64(total))
    }

    /// Takes a number and its unit from the front.
    ///
    /// - Returns: nanoseconds.
    private static func part(_ rest: inout Substring.UnicodeScalarView) throws(Fault) -> UInt64 {
        let whole = take(&rest) { $0.isDigit }
        var fraction = ""
        if rest.first == "." {
            rest.removeFirst()
            fraction = take(&rest) { $0.isDigit }
        }
        if whole.isEmpty, fraction.isEmpty { throw .malformed }
        let unit = take(&rest) { !$0.isDigit && $0 != "." }
        if unit.isEmpty { throw rest.isEmpty ? .noUnit : .malformed }
        guard let nanoseconds = nanoseconds[unit] else { throw .malformed }
        // No unit has more than 13 digits, so that later ones of the fraction are below a nanosecond.
        let digits = String(fraction.prefix(18))
        guard let whole = whole.isEmpty ? 0 : UInt64(whole) else { throw .tooLong }
        let scale = (0..<digits.count).reduce(UInt128(1)) { scale, _ in scale * 10 }
        let below = (digits.isEmpty ? 0 : UInt128(digits) ?? 0) * UInt128(nanoseconds) / scale
        let (product, overflow) = whole.multipliedReportingOverflow(by: nanoseconds)
        let (sum, overflowOfSum) = product.addingReportingOverflow(UInt64(below))
        if overflow || overflowOfSum { throw .tooLong }
        return sum
    }

    private static func take(
        _ rest: inout Substring.UnicodeScalarView,
        while belongs: (Unicode.Scalar) -> Bool
    ) -> String {
        let taken = rest.prefix(while: belongs)
        rest.removeFirst(taken.count)
        return String(taken)
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}
