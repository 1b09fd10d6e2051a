import Ports

/// Counts the ports that are used towards each destination, and forecasts when the first of them has none left.
///
/// In bounded memory: see `BoundedTable`. The heaviest of one reading have their places in the next from the start, so
/// that their numbers are exact from then on however many others there are.
struct Destinations: Sendable {
    private struct Tally {
        var live = 0
        var timeWait = 0
        var reusable = 0
        /// The place of its forecast; -1 while it has none.
        var forecast = -1
        var used: Int { live + timeWait }
    }

    /// How many of the heaviest are followed from one reading to the next.
    private static let followed = 256
    private static let mostForecasts = 1024

    // Between readings.
    private var choice: DestinationChoice
    private var histories: [Destination: LiveHistory] = [:]
    /// When the last reading was that told every destination that is worth following.
    private var completeBefore: Instant?

    // Of this reading.
    private var table = BoundedTable<Destination>()
    private var tallies: [Tally] = []
    private var forecasts: [DestinationForecast] = []
    private var now = Instant(nanoseconds: 0)
    private var reuse: ReuseRule?
    /// From how many ports on a destination is forecast and followed: a thousandth of the usable ones.
    private var threshold = 1

    /// - Parameter limit: how many destinations get a line; 0 for none.
    init(limit: Int) {
        choice = DestinationChoice(limit: limit)
    }

    /// Starts a reading.
    ///
    /// - Parameter usable: about how many ports are usable.
    mutating func begin(at now: Instant, reuse: ReuseRule, usable: Int) {
        self.now = now
        self.reuse = reuse
        threshold = max(1, usable / 1000)
        table.removeAll()
        tallies.removeAll(keepingCapacity: true)
        forecasts.removeAll(keepingCapacity: true)
        for destination in Set(histories.keys).union(choice.destinations) {
            _ = table.place(of: destination)
            tallies.append(Tally(forecast: forecasts.count))
            forecasts.append(DestinationForecast())
        }
    }

    /// Counts the row of a socket that opened its connection from a usable port.
    mutating func note(_ row: borrowing SocketRow) {
        let (place, uncounted) = table.place(of: Destination(row))
        guard let place else { return }
        if place == tallies.count { tallies.append(Tally(timeWait: uncounted)) }
        guard row.state == .timeWait else {
            tallies[place].live += 1
            return
        }
        if reuse?.allows(row) == true {
            tallies[place].reusable += 1
            return
        }
        tallies[place].timeWait += 1
        if tallies[place].forecast < 0, tallies[place].timeWait >= threshold, forecasts.count < Self.mostForecasts {
            tallies[place].forecast = forecasts.count
            forecasts.append(DestinationForecast())
        }
        let forecast = tallies[place].forecast
        if forecast >= 0 { forecasts[forecast].note(timerRemaining: row.timerRemaining) }
    }

    /// Ends the reading.
    mutating func finish(usable: Int) -> DestinationReport {
        let heaviest = tallies.indices.filter { tallies[$0].used >= threshold }
            .sorted { (tallies[$1].used, table.keys[$0]) < (tallies[$0].used, table.keys[$1]) }
        follow(heaviest.prefix(Self.followed))
        choice.update(heaviest.map { (table.keys[$0], tallies[$0].used) }, usable: usable, at: now) { destination in
            table.find(destination).map { tallies[$0].used } ?? 0
        }
        let lines = choice.destinations.map { destination in
            let tally = table.find(destination).map { tallies[$0] } ?? Tally()
            return DestinationLine(
                destination: destination,
                live: tally.live,
                timeWait: tally.timeWait,
                reusable: tally.reusable
            )
        }
        // Those that have a place from the reading before may have no row now.
        let empty = tallies.count { $0.used + $0.reusable == 0 }
        let count = table.count - empty
        let worst = tallies.reduce(0) { max($0, $1.used) }
        return DestinationReport(
            lines: lines,
            count: count,
            isEstimated: table.isEstimated,
            omitted: count - lines.count { $0.live + $0.timeWait + $0.reusable > 0 },
            worst: worst,
            exhaustion: worst >= usable ? now : exhaustion(of: heaviest, usable: usable)
        )
    }

    /// Keeps the numbers of the heaviest for the next reading.
    private mutating func follow(_ heaviest: ArraySlice<Int>) {
        var followed: [Destination: LiveHistory] = [:]
        for place in heaviest {
            var history = histories[table.keys[place]]
            if history == nil, let completeBefore {
                // It was not worth following then.
                history = LiveHistory()
                history?.note(0, at: completeBefore)
            }
            history = history ?? LiveHistory()
            history?.note(tallies[place].live, at: now)
            followed[table.keys[place]] = history
        }
        histories = followed
        completeBefore = heaviest.count < Self.followed && !table.isEstimated ? now : nil
    }

    /// The earliest forecast.
    private func exhaustion(of heaviest: [Int], usable: Int) -> Instant? {
        let seconds = heaviest.compactMap { place in
            let (destination, tally) = (table.keys[place], tallies[place])
            let forecast = tally.forecast < 0 ? DestinationForecast() : forecasts[tally.forecast]
            return forecast.seconds(
                usable: usable,
                live: tally.live,
                timeWait: tally.timeWait,
                growth: histories[destination]?.growth ?? 0,
                isReused: reuse?.applies(destination.source, destination.address) == true
            )
        }
        // Farther away than the clock goes is never.
        return seconds.min().flatMap { $0 < 1e9 ? now + $0 : nil }
    }
}
