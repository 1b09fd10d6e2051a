/// What is measured, in which order, and how often. The number of TIME_WAITs only grows: the
/// generator keeps them.
struct Plan {
    /// A part of the benchmark.
    enum Step {
        /// All methods, in turns, at so many TIME_WAITs.
        case compare(timeWaits: Int, rounds: Int)
        /// The exporter and its floor while a sixtieth of the TIME_WAITs is new each second.
        case arrivals(timeWaits: Int, rounds: Int)
        /// The pages, downloaded as fast as it goes.
        case web(rounds: Int, seconds: Int)
        /// A fast growth, and who can still tell what is there.
        case storm(Storm.Plan)
    }

    let steps: [Step]
    /// How many readings of the exporter and of the floors make one turn.
    let readings: Int
    /// After so many seconds the benchmark is ended, whatever it does.
    let limit: UInt32

    /// The benchmark.
    static let full = Plan(
        steps: [
            .web(rounds: 3, seconds: 5),
            .compare(timeWaits: 0, rounds: 3),
            .compare(timeWaits: 1000, rounds: 3),
            .compare(timeWaits: 10_000, rounds: 3),
            .compare(timeWaits: 100_000, rounds: 5),
            .arrivals(timeWaits: 100_000, rounds: 3),
            .storm(Storm.Plan(standing: 300_000, rate: 10_000, seconds: 20)),
            .compare(timeWaits: 1_000_000, rounds: 3),
            .arrivals(timeWaits: 1_000_000, rounds: 3),
        ],
        readings: 4,
        limit: 2400
    )

    /// A proof that the benchmark works, short enough for each change.
    static let quick = Plan(
        steps: [
            .web(rounds: 1, seconds: 1),
            .compare(timeWaits: 100_000, rounds: 1),
            .arrivals(timeWaits: 100_000, rounds: 1),
            .storm(Storm.Plan(standing: 110_000, rate: 5000, seconds: 5)),
        ],
        readings: 2,
        limit: 240
    )
}
