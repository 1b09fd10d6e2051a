import Model

extension Reading {
    /// Takes the rows from `start` on as long as they are such as most are: TIME_WAITs with a
    /// cookie, and ESTABLISHED sockets that were opened from here, whose destination or listener is
    /// known.
    ///
    /// What this loop needs lies in spans: no reference is counted and no array checked for being
    /// the only owner while it runs. A row that needs anything else goes to `row`, which does all
    /// of it.
    ///
    /// - Returns: the first row that needs more.
    mutating func takeCommon(_ rows: Span<SocketRow>, from start: Int) -> Int {
        guard countsDestinations, isClassifying, memory.arrivals.cookiesAreCurrent, memory.settings.peersLimit == 0,
            let surroundings = memory.destinations.surroundings, let addresses = facts.addresses
        else { return start }
        var counts = CommonCounts()
        let rules = CommonRules(
            length: facts.timing.milliseconds,
            reuseDelay: surroundings.reuse.delay,
            missable: surroundings.missable,
            forecastThreshold: memory.destinations.forecasts.count < Destinations.mostForecasts
                ? memory.destinations.threshold : .max,
            addresses: addresses,
            local: lastLocal.flatMap { $0.isOwn ? ($0.address, $0.device) : nil } ?? (.anyIPv6, 0)
        )
        let next = Self.takeCommon(
            rows,
            from: start,
            rules,
            listeners,
            memory.destinations.table,
            &ports.words,
            &memory.arrivals.cookies,
            &memory.destinations.tallies,
            &memory.destinations.forecasts,
            &ends.ports,
            &ends.newPorts,
            &ends.listeners,
            &counts
        )
        if counts.timeWaits > 0 { memory.arrivals.hasCookies = true }
        add(counts)
        return next
    }

    private static func takeCommon(
        _ rows: Span<SocketRow>,
        from start: Int,
        _ rules: CommonRules,
        _ listeners: ListenerIndex,
        _ destinations: BoundedTable<Destination>,
        _ ports: inout [UInt32],
        _ cookies: inout CookieTable,
        _ tallies: inout [Destinations.Tally],
        _ forecasts: inout [PortForecast],
        _ portTimeWait: inout [PortTimeWait],
        _ newPortTimeWait: inout [PortTimeWait],
        _ listenerTimeWait: inout [Int],
        _ counts: inout CommonCounts
    ) -> Int {
        let length = rules.length
        let missable = rules.missable.map { Int($0) } ?? -1
        let reading = cookies.reading
        let limit = cookies.limit
        let mostUsed = (cookies.places.count * 7 + 9) / 10
        var (used, present) = (cookies.used, cookies.present)
        var remote = (address: IPAddress.anyIPv6, device: UInt32(0), isLocal: false, isKnown: false)
        let local = rules.local
        var words = ports.mutableSpan
        var places = cookies.places.mutableSpan
        let index = destinations.index.span
        let keys = destinations.keys.span
        var tallies = tallies.mutableSpan
        var forecasts = forecasts.mutableSpan
        let slots = listeners.slots.span
        let slotOfPort = listeners.slotOfPort.span
        var portTimeWait = portTimeWait.mutableSpan
        var newPortTimeWait = newPortTimeWait.mutableSpan
        var listenerTimeWait = listenerTimeWait.mutableSpan
        // In registers, and not in memory that each row goes through.
        var counted = CommonCounts()

        var next = start
        while next < rows.count {
            let row = rows[next]
            let port = Int(row.localPort)
            let word = words[port]
            let isTimeWait = row.state == .timeWait
            guard isTimeWait && row.cookie != 0 || row.state == .established, row.localPort != row.remotePort else {
                break
            }
            let age = row.timerRemaining < length ? length - row.timerRemaining : 0
            var isNew = false
            var cookiePlace = 0
            if isTimeWait {
                cookiePlace = CookieTable.place(of: row.cookie, in: places.span)
                isNew = places[cookiePlace] == 0
                if isNew, present >= limit || used >= mostUsed { break }
            }
            let role = word & (LocalPorts.watched | LocalPorts.offered | LocalPorts.serving)
            if role == LocalPorts.offered {
                let slot = BoundedTable.slot(of: Destination(row), in: index, keys)
                let place = Int(index[slot]) - 1
                guard place >= 0, port != missable else { break }
                let tally = tallies[place]
                if tally.reuse == .unknown { break }
                guard isTimeWait else {
                    tallies[place].live += 1
                    words[port] = word | LocalPorts.established
                    counted.note(establishedIPv4: row.isIPv4)
                    next += 1
                    continue
                }
                if tally.slot == Destinations.Tally.unclassified { break }
                if tally.reuse == .afterDelay, Int(age) > rules.reuseDelay {
                    tallies[place].reusable += 1
                } else {
                    if tally.forecast < 0, tally.timeWait + 1 >= rules.forecastThreshold { break }
                    tallies[place].timeWait += 1
                    if tally.forecast >= 0 { forecasts[tally.forecast].note(age: age) }
                }
                counted.client.note(isLocal: tally.isLocal, age: age, isNew: isNew)
                if tally.slot >= 0 {
                    portTimeWait[Int(tally.slot)].clientLocal += 1
                    if isNew { newPortTimeWait[Int(tally.slot)].clientLocal += 1 }
                }
            } else if role == LocalPorts.serving, isTimeWait {
                let slot = Int(slotOfPort[port]) - 1
                guard let place = slots[slot].onlyPlace(isIPv4: row.isIPv4),
                    row.localAddress == local.address, row.device == local.device
                else { break }
                if !(remote.isKnown && row.remoteAddress == remote.address && row.device == remote.device) {
                    let isLocal = rules.addresses.contains(row.remoteAddress, device: row.device)
                    remote = (row.remoteAddress, row.device, isLocal, true)
                }
                listenerTimeWait[place] += 1
                if remote.isLocal {
                    portTimeWait[slot].serverLocal += 1
                    if isNew { newPortTimeWait[slot].serverLocal += 1 }
                } else {
                    portTimeWait[slot].serverRemote += 1
                    if isNew { newPortTimeWait[slot].serverRemote += 1 }
                }
                counted.server.note(isLocal: remote.isLocal, age: age, isNew: isNew)
            } else {
                break
            }
            words[port] = LocalPorts.word(word, withTimeWaitOf: age)
            if isNew { used += 1 }
            if places[cookiePlace] >> 56 != reading {
                present += 1
                places[cookiePlace] = CookieTable.entry(row.cookie, reading)
            }
            counted.note(timeWaitIPv4: row.isIPv4)
            next += 1
        }
        counts = counted
        cookies.used = used
        cookies.present = present
        return next
    }

    private mutating func add(_ counts: CommonCounts) {
        table[.ipv4, .timeWait] += counts.timeWaitIPv4
        table[.ipv6, .timeWait] += counts.timeWaits - counts.timeWaitIPv4
        table[.ipv4, .established] += counts.establishedIPv4
        table[.ipv6, .established] += counts.established - counts.establishedIPv4
        for (role, counts) in [(Role.server, counts.server), (.client, counts.client)] {
            timeWait[role, .local] += counts.local.all
            timeWait[role, .remote] += counts.remote.all
            youngTimeWait[role, .local] += counts.local.young
            youngTimeWait[role, .remote] += counts.remote.young
            newTimeWait[role, .local] += counts.local.new
            newTimeWait[role, .remote] += counts.remote.new
        }
    }
}

/// What decides about common rows, beside the tables.
private struct CommonRules {
    /// The length of TIME_WAIT, in milliseconds.
    let length: UInt32
    /// The age above which a TIME_WAIT may be reused, in milliseconds.
    let reuseDelay: Int
    /// The port that connect() can miss.
    let missable: Port?
    /// From how many TIME_WAITs on a destination needs a forecast.
    let forecastThreshold: Int
    let addresses: LocalAddresses
    /// The last local address.
    let local: (address: IPAddress, device: UInt32)
}

/// What the common rows of a batch add up to.
private struct CommonCounts {
    struct Peers {
        var (all, young, new) = (0, 0, 0)

        @inline(__always)
        mutating func note(_ age: UInt32, _ isNew: Bool) {
            all += 1
            young += age < TimeWaitTiming.newAgeInMilliseconds ? 1 : 0
            new += isNew ? 1 : 0
        }
    }

    struct Ends {
        var (local, remote) = (Peers(), Peers())

        @inline(__always)
        mutating func note(isLocal: Bool, age: UInt32, isNew: Bool) {
            if isLocal { local.note(age, isNew) } else { remote.note(age, isNew) }
        }
    }

    var (server, client) = (Ends(), Ends())
    var (timeWaits, timeWaitIPv4) = (0, 0)
    var (established, establishedIPv4) = (0, 0)

    @inline(__always)
    mutating func note(timeWaitIPv4 isIPv4: Bool) {
        timeWaits += 1
        timeWaitIPv4 += isIPv4 ? 1 : 0
    }

    @inline(__always)
    mutating func note(establishedIPv4 isIPv4: Bool) {
        established += 1
        establishedIPv4 += isIPv4 ? 1 : 0
    }
}
