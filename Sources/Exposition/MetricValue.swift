/// The value of a sample: a whole number of any size, or a real one.
///
/// Neither initializer can be taken for a conversion of bits: `counter.map(Double.init)` of a
/// UInt64 takes `Double.init(bitPattern:)`, `counter.map(MetricValue.init)` counts.
package enum MetricValue: Sendable {
    /// Zero or more, as kernels and programs count: written digit by digit, above 2^53 too.
    case count(UInt64)
    /// Any other number, infinite and not-a-number too.
    case real(Double)

    /// A whole number.
    package init(_ number: some BinaryInteger) {
        self = UInt64(exactly: number).map(Self.count) ?? .real(Double(number))
    }
}

/// What can be written as a sample's value: numbers, and a Bool as 1 or 0.
package protocol SampleValue {
    var metricValue: MetricValue { get }
}

extension MetricValue: SampleValue {
    package var metricValue: MetricValue { self }
}

extension Int: SampleValue {
    package var metricValue: MetricValue { MetricValue(self) }
}

extension UInt16: SampleValue {
    package var metricValue: MetricValue { MetricValue(self) }
}

extension UInt64: SampleValue {
    package var metricValue: MetricValue { MetricValue(self) }
}

extension Double: SampleValue {
    package var metricValue: MetricValue { .real(self) }
}

extension Bool: SampleValue {
    package var metricValue: MetricValue { .count(self ? 1 : 0) }
}
