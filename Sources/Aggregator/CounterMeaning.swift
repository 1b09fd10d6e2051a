package import Model

/// Tells from what they do whether the kernel's counters TW and TWKilled count the TIME_WAITs that begin (Linux 5.18
/// and kernels that took the change over) or the ones that expire (before). A version number does not tell.
///
/// While the gauge `tw` rises, entries must have risen at least as much; expiries, which come in batches seconds apart,
/// as a rule have not moved. Three sockets that agree, or disagree, with nothing to the contrary between them, decide;
/// so they do again later if the first were a coincidence.
package struct CounterMeaning: Sendable {
    /// What they count, as far as can be told yet.
    package private(set) var event: CountedEvent?
    private var before = (buckets: 0, counted: UInt64(0))
    private var agreeing = 0
    private var lacking = 0

    /// Starts as at the making of the namespace, when both were 0: the first reading is evidence too.
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
            // More than the rise is weaker evidence: sockets that ended meanwhile, or a batch of expiries that happened
            // to be as large.
            agreeing += counts == rise ? min(rise, 3) : 1
            lacking = 0
        } else if counts < rise - rise / 10 {
            // The two files are read one after the other, and under heavy traffic differ by what comes between: a tenth
            // is never that.
            lacking += min(rise - counts, 3)
            agreeing = 0
        }
        if agreeing >= 3 { event = .entries }
        if lacking >= 3 { event = .expiries }
    }
}
