package import Model

/// Counts how often the watched sysctls were seen to change. A value that could not be read for a
/// while and came back is no change.
package struct SysctlChanges: Sendable {
    /// Changes by the name of the sysctl's file, for every sysctl that was ever read.
    package private(set) var counts: [String: UInt64] = [:]
    /// The last change of each sysctl that was seen to change.
    package private(set) var latest: [SysctlChange] = []
    private var values: SysctlValues = [:]
    private var ports = PortSysctls()

    /// Nothing seen yet.
    package init() {}

    /// Takes in the values of one moment; nil for what could not be read.
    package mutating func note(_ values: SysctlValues?, _ ports: PortSysctls, at now: Instant) {
        for (name, value) in values?.known ?? [:] {
            note(name.rawValue, from: self.values[name], to: value, at: now) { "\($0)" }
            self.values[name] = value
        }
        if let range = ports.ports {
            note("ip_local_port_range", from: self.ports.ports, to: range, at: now) { "\($0.low)-\($0.high)" }
            self.ports.ports = range
        }
        if let reserved = ports.reserved {
            note("ip_local_reserved_ports", from: self.ports.reserved, to: reserved, at: now) { $0.listText }
            self.ports.reserved = reserved
        }
    }

    private mutating func note<Value: Equatable>(
        _ name: String,
        from before: Value?,
        to value: Value,
        at now: Instant,
        _ text: (Value) -> String
    ) {
        counts[name, default: 0] += 0
        guard let before, before != value else { return }
        counts[name, default: 0] += 1
        latest.removeAll { $0.name == name }
        latest.append(SysctlChange(name: name, before: text(before), after: text(value), at: now))
    }
}

/// Infers from their behaviour whether the kernel's counters TW and TWKilled count the TIME_WAITs
/// that begin (Linux 5.18 and backports) or the ones that expire (before). A version number does
/// not tell.
///
/// While the gauge `tw` rises, entries must have risen at least as much; expiries, which come in
/// batches seconds apart, as a rule have not moved. Three sockets that agree, or disagree, with
/// nothing to the contrary between them, decide; so they do again later if the first were a
/// coincidence.
package struct CounterMeaning: Sendable {
    /// What they count, as far as is known yet.
    package private(set) var event: CountedEvent?
    private var before = (buckets: 0, counted: UInt64(0))
    private var agreeing = 0
    private var lacking = 0

    /// Starts as at the making of the namespace, when both were 0: the first reading is evidence
    /// too.
    package init() {}

    /// Takes in the gauge and the counters of one moment.
    ///
    /// - Parameters:
    ///   - buckets: sockstat's `tw`.
    ///   - counted: TW + TWKilled.
    package mutating func note(buckets: Int, counted: UInt64) {
        defer { before = (buckets, counted) }
        guard buckets > before.buckets, counted >= before.counted else { return }
        let rise = buckets - before.buckets
        let counts = Int(clamping: counted - before.counted)
        if counts >= rise {
            // More than the rise is weaker evidence: sockets that ended meanwhile, or a batch of
            // expiries that happened to be as large.
            agreeing += counts == rise ? min(rise, 3) : 1
            lacking = 0
        } else if counts < rise - rise / 10 {
            // The two files are read one after the other, and under heavy traffic differ by what
            // comes between: a tenth is never that.
            lacking += min(rise - counts, 3)
            agreeing = 0
        }
        if agreeing >= 3 { event = .entries }
        if lacking >= 3 { event = .expiries }
    }
}

/// The highest of the values that were noted in the last seconds.
package struct RecentPeak: Sendable {
    private let seconds: Double
    private var values: [(at: Instant, value: Int)] = []

    /// - Parameter seconds: how long a value counts.
    package init(seconds: Double) {
        self.seconds = seconds
    }

    /// Notes a value and gives the highest of those that count. At most a few hundred are kept: one
    /// a second, five minutes.
    package mutating func note(_ value: Int, at now: Instant) -> Int {
        values.removeAll { now - $0.at >= seconds || $0.value <= value }
        values.append((now, value))
        return values[0].value
    }
}
