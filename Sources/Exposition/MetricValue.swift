/// The value of a sample: a whole number of any size, or a real one.
///
/// Neither initializer can be taken for a conversion of bits: `counter.map(Double.init)` of a UInt64
/// takes `Double.init(bitPattern:)`, `counter.map(MetricValue.init)` counts.
package enum MetricValue: Sendable {
    /// Zero or more, as kernels and programs count: written digit by digit, above 2^53 too.
    case count(UInt64)
    /// Any other number, infinite and not-a-number too.
    case real(Double)

    /// A whole number.
    package init(_ number: some BinaryInteger) {
        self = UInt64(exactly: number).map(Self.count) ?? .real(Double(number))
    }

    /// A real number.
    package init(_ number: Double) {
        self = .real(number)
    }

    /// 1 for true, 0 for false.
    package init(_ flag: Bool) {
        self = .count(flag ? 1 : 0)
    }
}
