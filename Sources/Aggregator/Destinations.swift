import Model

/// Counts the ports that are used towards each destination, and forecasts when the first of them
/// has none left.
///
/// In bounded memory: see `BoundedTable`. The heaviest of one reading have their places in the next
/// from the start, so that their numbers are exact from then on however many others there are.
struct Destinations: Sendable {
    /// What a reading is counted by.
    struct Surroundings: Sendable {
        /// Whether TIME_WAITs are reused.
        var reuse: ReuseRule
        /// How long TIME_WAIT lasts.
        var timing: TimeWaitTiming
        /// This namespace's own addresses; nil where they could not be read.
        var addresses: LocalAddresses?
        /// TWRecycled of /proc/net/netstat; nil where it could not be read.
        var recycled: UInt64?
        /// The first port of the range, if connect() can miss it: see `UsablePorts`.
        var missable: Port?
        /// About how many ports are usable.
        var usable: Int
    }

    struct Tally {
        var live = 0
        var timeWait = 0
        var reusable = 0
        /// The place of its forecast; -1 while it has none.
        var forecast = -1
        var reuse = ReuseRule.Standing.never
        /// Whether one of its connections has the port that connect() can miss.
        var holdsMissable = false
        /// A live connection that can be asked for its timestamps: its port, 0 if there is none,
        /// and its cookie.
        var witness: (port: Port, cookie: UInt64) = (0, 0)
        /// Whether the peer is local, and the slot of the service there, -1 where there is none;
        /// `unclassified` until a TIME_WAIT has come.
        var isLocal = false
        var slot = Self.unclassified
        var used: Int { live + timeWait }

        static let unclassified: Int32 = -2

        func line(of destination: Destination) -> DestinationLine {
            DestinationLine(destination: destination, live: live, timeWait: timeWait, reusable: reusable)
        }
    }

    /// What is remembered of a destination from one reading to the next.
    private struct Followed {
        var growth = Growth()
        /// When it last had no port left.
        var fullAt: Instant?
    }

    /// How many of the heaviest are followed from one reading to the next.
    private static let mostFollowed = 256
    static let mostForecasts = 1024

    // Between readings.
    private var choice: DestinationChoice
    private var followed: [Destination: Followed] = [:]
    private var timestamps = PeerTimestamps()
    /// When the last reading was that saw every destination that is worth following.
    private var completeBefore: Instant?

    // Of this reading.
    private(set) var table = BoundedTable<Destination>()
    var tallies: [Tally] = []
    var forecasts: [PortForecast] = []
    /// How many have their places from the reading before.
    private var placed = 0
    private var now = Instant(nanoseconds: 0)
    private(set) var surroundings: Surroundings?
    /// From how many ports on a destination is forecast and followed: a thousandth of the usable
    /// ones.
    private(set) var threshold = 1

    /// - Parameter limit: how many destinations get a line; 0 for none.
    init(limit: Int) {
        choice = DestinationChoice(limit: limit)
    }

    /// Live connections to heavy destinations of which it would help to know whether they have
    /// timestamps.
    private(set) var questions: [TimestampQuestion] = []

    /// Takes in an answer to a question.
    mutating func note(_ question: TimestampQuestion, hasTimestamps: Bool) {
        timestamps.learn(question.destination, hasTimestamps: hasTimestamps)
    }

    /// Starts a reading.
    mutating func begin(_ surroundings: Surroundings, at now: Instant) {
        self.now = now
        self.surroundings = surroundings
        threshold = max(1, surroundings.usable / 1000)
        table.removeAll()
        tallies.removeAll(keepingCapacity: true)
        forecasts.removeAll(keepingCapacity: true)
        timestamps.begin(at: now, recycled: surroundings.recycled)
        for destination in Set(followed.keys).union(choice.destinations) {
            _ = table.place(of: destination)
            let reuse = standing(of: destination)
            tallies.append(Tally(forecast: addForecast(reuse), reuse: reuse))
        }
        placed = tallies.count
    }

    /// Keeps what follows for a TIME_WAIT from where it goes.
    mutating func classify(_ place: Int, isLocal: Bool, slot: Int?) {
        tallies[place].isLocal = isLocal
        tallies[place].slot = Int32(slot ?? -1)
    }

    /// Counts the row of a socket that opened its connection from a usable port.
    ///
    /// - Returns: the place of its destination; nil where it has none.
    @discardableResult
    mutating func note(_ row: borrowing SocketRow) -> Int? {
        let destination = Destination(row)
        let (place, uncounted) = table.place(of: destination)
        guard let place else { return nil }
        if place == tallies.count { tallies.append(Tally(timeWait: uncounted, reuse: standing(of: destination))) }
        if row.localPort == surroundings?.missable { tallies[place].holdsMissable = true }
        if tallies[place].reuse == .unknown { watch(row, destination, place) }
        guard row.state == .timeWait else {
            tallies[place].live += 1
            return place
        }
        noteTimeWait(age: surroundings?.timing.ageInMilliseconds(timerRemaining: row.timerRemaining) ?? 0, at: place)
        return place
    }

    private mutating func noteTimeWait(age: UInt32, at place: Int) {
        let reuse = tallies[place].reuse
        if reuse == .afterDelay, Int(age) > surroundings?.reuse.delay ?? 0 {
            tallies[place].reusable += 1
            return
        }
        tallies[place].timeWait += 1
        if tallies[place].forecast < 0, tallies[place].timeWait >= threshold, forecasts.count < Self.mostForecasts {
            tallies[place].forecast = addForecast(reuse)
        }
        let forecast = tallies[place].forecast
        if forecast >= 0 { forecasts[forecast].note(age: age) }
    }

    /// Looks whether a destination's peer has timestamps, as far as rows tell.
    private mutating func watch(_ row: borrowing SocketRow, _ destination: Destination, _ place: Int) {
        if row.state == .established, row.cookie != 0 { tallies[place].witness = (row.localPort, row.cookie) }
        guard place < placed, let timing = surroundings?.timing else { return }
        timestamps.watch(row, of: destination, age: timing.age(timerRemaining: row.timerRemaining))
    }

    private func standing(of destination: Destination) -> ReuseRule.Standing {
        guard let surroundings else { return .never }
        return surroundings.reuse.standing(
            destination,
            isOwn: surroundings.addresses?.contains(destination.address) == true,
            hasTimestamps: timestamps[destination]
        )
    }

    private mutating func addForecast(_ reuse: ReuseRule.Standing) -> Int {
        let delay = surroundings.map { Double($0.reuse.delay) / 1000 } ?? 0
        let lifetime = surroundings?.timing.meanLifetime ?? 0
        forecasts.append(PortForecast(lifetime: reuse == .afterDelay ? min(delay, lifetime) : lifetime))
        return forecasts.count - 1
    }

    /// Ends the reading.
    mutating func finish(usable: Int) -> DestinationReport {
        let heaviest = tallies.indices.filter { tallies[$0].used >= threshold }
            .sorted { (tallies[$1].used, table.keys[$0]) < (tallies[$0].used, table.keys[$1]) }
        follow(heaviest.prefix(Self.mostFollowed), usable: usable)
        timestamps.finish(keeping: followed.keys)
        questions = heaviest.prefix(Self.mostFollowed).compactMap { question(at: $0, usable: usable) }
        choice.update(heaviest.map { (table.keys[$0], tallies[$0].used) }, usable: usable, at: now) { destination in
            table.find(destination).map { tallies[$0].used } ?? 0
        }
        let lines = choice.destinations.map { destination in
            (table.find(destination).map { tallies[$0] } ?? Tally()).line(of: destination)
        }
        // Those that have a place from the reading before may have no row now.
        let empty = tallies.count { $0.used + $0.reusable == 0 }
        let count = table.count - empty
        let worst = tallies.reduce(0) { max($0, $1.used) }
        var report = DestinationReport()
        report.lines = lines
        report.count = count
        report.isEstimated = table.isEstimated
        report.omitted = count - lines.count { $0.live + $0.timeWait + $0.reusable > 0 }
        report.worst = worst
        report.nearest = nearest(usable: usable)
        report.exhaustion = worst >= usable ? now : exhaustion(of: heaviest, usable: usable)
        return report
    }

    /// The ports of the destination that has most, those that may be reused included.
    var busiest: Int { tallies.reduce(0) { max($0, $1.used + $1.reusable) } }

    /// Keeps the numbers of the heaviest for the next reading.
    private mutating func follow(_ heaviest: ArraySlice<Int>, usable: Int) {
        var next: [Destination: Followed] = [:]
        for place in heaviest {
            var one = followed[table.keys[place]] ?? Followed()
            if followed[table.keys[place]] == nil, let completeBefore {
                // It was not worth following then: it had less than a thousandth of the ports.
                one.growth.note(0, at: completeBefore)
            }
            one.growth.note(tallies[place].live, at: now)
            if free(at: place, usable: usable) <= 0 { one.fullAt = now }
            next[table.keys[place]] = one
        }
        followed = next
        completeBefore = heaviest.count < Self.mostFollowed && !table.isEstimated ? now : nil
    }

    /// The ports that a destination has left: with the one that connect() can miss as the only one
    /// it fails.
    private func free(at place: Int, usable: Int) -> Int {
        let tally = tallies[place]
        let isMissing = surroundings?.missable != nil && !tally.holdsMissable
        return usable - tally.used - (isMissing ? 1 : 0)
    }

    /// What to ask about a destination that uses 5 % of the ports or more.
    private func question(at place: Int, usable: Int) -> TimestampQuestion? {
        let tally = tallies[place]
        guard tally.witness.port != 0, tally.used * 20 >= usable else { return nil }
        return TimestampQuestion(
            destination: table.keys[place],
            localPort: tally.witness.port,
            cookie: tally.witness.cookie
        )
    }

    /// The earliest forecast.
    private func exhaustion(of heaviest: [Int], usable: Int) -> Instant? {
        heaviest.compactMap { forecast(at: $0, usable: usable).exhaustion }.min().map { now + $0 }
    }

    /// How the use of a destination's ports goes on.
    private func forecast(at place: Int, usable: Int) -> DestinationUse {
        let tally = tallies[place]
        let free = free(at: place, usable: usable)
        let forecast = tally.forecast < 0 ? PortForecast(lifetime: 1) : forecasts[tally.forecast]
        let memory = followed[table.keys[place]]
        let growth = memory?.growth.perSecond(left: free) ?? 0
        var seconds = forecast.seconds(free: free, rate: forecast.rate, growth: growth)
        // What came was no more than what was given back, because connect() failed for the rest.
        if let fullAt = memory?.fullAt, now - fullAt <= surroundings?.timing.exhaustionMemory ?? 0, free > 0,
            forecast.rate > 0,
            tally.used * 4 >= usable * 3
        {
            seconds = min(seconds ?? .infinity, Double(free) / forecast.rate)
        }
        return DestinationUse(
            line: tally.line(of: table.keys[place]),
            rate: forecast.rate,
            growth: growth,
            // Farther away than the clock goes is never.
            exhaustion: seconds.flatMap { $0 < 1e9 ? $0 : nil },
            isSteady: forecast.isSteady
        )
    }

    /// The destinations that use most.
    private func nearest(usable: Int) -> [DestinationUse] {
        // Of thousands only a few are wanted: kept in order while going through.
        var places: [Int] = []
        for place in tallies.indices where tallies[place].used > 0 {
            func isBefore(_ other: Int) -> Bool {
                (tallies[other].used, table.keys[place]) < (tallies[place].used, table.keys[other])
            }
            if places.count == DestinationReport.mostNearest {
                guard let last = places.last, isBefore(last) else { continue }
                places.removeLast()
            }
            places.insert(place, at: places.firstIndex(where: isBefore) ?? places.count)
        }
        return places.map { forecast(at: $0, usable: usable) }
    }
}

extension Destination {
    /// Where the connection of a row goes.
    @inline(__always)
    init(_ row: borrowing SocketRow) {
        self.init(source: row.localAddress, address: row.remoteAddress, port: row.remotePort, device: row.device)
    }
}

extension Destination: TableKey {
    @inline(__always)
    func isSame(as other: Destination) -> Bool {
        address.low == other.address.low && source.low == other.source.low && port == other.port
            && address.high == other.address.high && source.high == other.source.high && device == other.device
    }

    @inline(__always)
    func hash(_ seed: HashSeed) -> UInt64 {
        let number = seed.mix(address.low, source.low) ^ UInt64(port) << 32 ^ UInt64(device)
        // IPv4 has nothing in the upper halves.
        let upper = address.high | source.high == 0 ? 0 : seed.mix(address.high, source.high)
        return seed.mix(number, upper)
    }
}
