/// Decides how long to wait between two readings of the socket table: as long as was asked for, and longer where they
/// would take more than their share of a core.
struct Pace: Sendable {
    /// The longest time between two readings, in seconds, whatever they cost: a TIME_WAIT lives 60, and has to be seen.
    static let longest = 30.0

    /// The seconds that were asked for.
    let requested: Double
    /// The seconds in force.
    private(set) var interval: Double
    /// The part of one core that readings may take.
    private let share: Double
    /// What a reading costs, in seconds of CPU time: a mean in which each new one counts for a quarter.
    private var cost: Double?

    init(requested: Double, share: Double) {
        self.requested = requested
        self.share = share
        interval = requested
    }

    /// Takes in what a reading cost.
    mutating func note(cost new: Double) {
        let cost = cost.map { $0 + (new - $0) / 4 } ?? new
        self.cost = cost
        interval = max(requested, min(cost / share, Self.longest))
    }
}
