import Model

/// Chooses the destinations that get series of their own. One enters when it uses 5 % of the usable ports and there is
/// room, and leaves when it has used less than 2 % for five minutes: series that came and went with the traffic would
/// be worth nothing.
struct DestinationChoice: Sendable {
    private let limit: Int
    /// The chosen ones, and since when each is too small; nil where it is not.
    private var chosen: [Destination: Instant?] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    /// The chosen ones.
    var destinations: [Destination] { chosen.keys.sorted() }

    /// Takes in a reading.
    ///
    /// - Parameters:
    ///   - candidates: destinations and the ports they use, the heaviest first.
    ///   - use: how many ports a chosen one uses.
    mutating func update(
        _ candidates: [(destination: Destination, used: Int)],
        usable: Int,
        at now: Instant,
        use: (Destination) -> Int
    ) {
        for (destination, since) in chosen {
            guard use(destination) * 50 < usable else {
                chosen[destination] = .some(nil)
                continue
            }
            let start = since ?? now
            chosen[destination] = now - start >= 300 ? nil : .some(start)
        }
        for (destination, used) in candidates where used * 20 >= usable && used > 0 {
            guard chosen.count < limit else { return }
            if chosen[destination] == nil { chosen[destination] = .some(nil) }
        }
    }
}
