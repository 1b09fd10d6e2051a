import Model

/// When to try again what was refused: after ten seconds, then after twice as long each time, up to ten minutes. What a
/// security module refuses it writes into the audit log at each try.
struct Retry: Sendable {
    private static let first = 10.0
    private static let longest = 600.0

    private var pause = first
    private var due: Instant?

    /// Whether it may be tried now.
    func isDue(at now: Instant) -> Bool { due.map { now >= $0 } ?? true }

    /// Takes in that a try failed.
    mutating func failed(at now: Instant) {
        due = now + pause
        pause = min(2 * pause, Self.longest)
    }

    /// Takes in that a try succeeded.
    mutating func succeeded() {
        due = nil
        pause = Self.first
    }
}
