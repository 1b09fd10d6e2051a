package import Model

/// The highest of the values that were noted in the last seconds.
package struct RecentPeak: Sendable {
    private let seconds: Double
    private var values: [(at: Instant, value: Int)] = []

    /// - Parameter seconds: how long a value counts.
    package init(seconds: Double) {
        self.seconds = seconds
    }

    /// Notes a value and gives the highest of those that count. At most a few hundred are kept: one a second, five
    /// minutes.
    package mutating func note(_ value: Int, at now: Instant) -> Int {
        values.removeAll { now - $0.at >= seconds || $0.value <= value }
        values.append((now, value))
        return values[0].value
    }
}
