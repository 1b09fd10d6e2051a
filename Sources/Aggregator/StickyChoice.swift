import Model

import func Glibc.exp2

/// Chooses the busiest keys, in bounded memory, and changes its choice rarely.
///
/// A key gets a free place at once. When all places are taken, it takes that of the key with the
/// least to do, if it has at least twice as much to do itself and had something in three different
/// minutes. So keys that come and go, such as programs with random names, do not push each other
/// out.
struct StickyChoice<Key: Hashable & Comparable & Sendable>: Sendable {
    private struct Activity {
        /// The number of events, of which half is forgotten every ten minutes, at `moment`.
        var count: Double
        var moment: Instant
        /// In how many different minutes there were events, and the last of them.
        var minutes = 1
        var minute: Int64

        init(_ count: Int, at now: Instant) {
            self.count = Double(count)
            moment = now
            minute = now.nanoseconds / 60_000_000_000
        }

        func count(at now: Instant) -> Double { count * exp2(-(now - moment) / 600) }

        mutating func add(_ new: Int, at now: Instant) {
            count = count(at: now) + Double(new)
            moment = now
            let minute = now.nanoseconds / 60_000_000_000
            if minute != self.minute { minutes += 1 }
            self.minute = minute
        }
    }

    /// The most keys without a place that are observed.
    private static var mostCandidates: Int { 1024 }
    /// In how many different minutes a key must have had events to take another one's place.
    private static var leastMinutes: Int { 3 }

    private let limit: Int
    private var places: [Key: Activity] = [:]
    private var candidates: [Key: Activity] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    func contains(_ key: Key) -> Bool { places[key] != nil }

    /// Takes in how many events each key had since the last time.
    ///
    /// - Returns: the key that has lost its place, if one has.
    mutating func note(_ counts: [(key: Key, count: Int)], at now: Instant) -> Key? {
        guard limit > 0 else { return nil }
        for (key, count) in counts.sorted(by: { ($1.count, $0.key) < ($0.count, $1.key) }) {
            if places[key] != nil {
                places[key]?.add(count, at: now)
            } else if places.count < limit {
                places[key] = candidates.removeValue(forKey: key) ?? Activity(0, at: now)
                places[key]?.add(count, at: now)
            } else if candidates[key] != nil {
                candidates[key]?.add(count, at: now)
            } else {
                if candidates.count >= Self.mostCandidates { halveCandidates(at: now) }
                candidates[key] = Activity(count, at: now)
            }
        }
        return replace(at: now)
    }

    private mutating func replace(at now: Instant) -> Key? {
        let order = { (left: (key: Key, value: Activity), right: (key: Key, value: Activity)) in
            (left.value.count(at: now), left.key) < (right.value.count(at: now), right.key)
        }
        guard let best = candidates.filter({ $0.value.minutes >= Self.leastMinutes }).max(by: order),
            let least = places.min(by: order), best.value.count(at: now) >= 2 * least.value.count(at: now)
        else { return nil }
        places[least.key] = nil
        candidates[best.key] = nil
        places[best.key] = best.value
        return least.key
    }

    private mutating func halveCandidates(at now: Instant) {
        let kept = candidates.sorted { ($1.value.count(at: now), $0.key) < ($0.value.count(at: now), $1.key) }
        candidates = Dictionary(uniqueKeysWithValues: kept.prefix(Self.mostCandidates / 2).map { ($0.key, $0.value) })
    }
}
