import Model

extension Reading {
    /// What decides about common rows in this reading; nil where no row is common.
    var rulesOfCommonRows: CommonRules? {
        guard countsDestinations, isClassifying, memory.settings.peersLimit == 0,
            let surroundings = memory.destinations.surroundings, let addresses = facts.addresses
        else { return nil }
        return CommonRules(
            timing: facts.timing,
            reuseDelay: surroundings.reuse.delay,
            missable: surroundings.missable.map { Int($0) } ?? -1,
            addresses: addresses
        )
    }

    /// Takes the rows from `start` on, 64 at most, as long as they are such as most are: TIME_WAITs
    /// and ESTABLISHED sockets that were opened from here, whose destination or listener is known.
    ///
    /// Three loops go over these rows, because each of them then needs few enough tables to keep
    /// them in registers, and because its memory accesses do not wait for each other. The tables
    /// lie in spans: no reference is counted and no array checked for being the only owner. A row
    /// that needs anything else goes to `row`, which does all of it.
    ///
    /// - Returns: the first row that was not taken.
    mutating func takeCommon(_ rows: Span<SocketRow>, from start: Int) -> Int {
        guard let rules = commonRules else { return start }
        let threshold =
            memory.destinations.forecasts.count < Destinations.mostForecasts ? memory.destinations.threshold : .max
        var batch = CommonBatch()
        let count = batch.recognise(
            rows.extracting(start..<min(start + CommonBatch.mostRows, rows.count)),
            rules,
            forecastThreshold: threshold,
            local: lastLocal.flatMap { $0.isOwn ? ($0.address, $0.device) : nil } ?? (.anyIPv6, 0),
            ports.words,
            listeners,
            memory.destinations.table,
            memory.destinations.tallies
        )
        guard count > 0 else { return start }
        let common = rows.extracting(start..<start + count)
        batch.findNew(in: common, &memory.arrivals)
        if closing != nil { noteClosed(common, batch, rules.addresses) }
        batch.count(
            common,
            rules,
            listeners,
            &ports.words,
            &memory.destinations.tallies,
            &memory.destinations.forecasts,
            &ends.ports,
            &ends.newPorts,
            &ends.listeners,
            &commonCounts
        )
        return start + count
    }

    private mutating func noteClosed(_ rows: Span<SocketRow>, _ batch: CommonBatch, _ addresses: LocalAddresses) {
        for number in rows.indices where batch.isNew(number) {
            let row = rows[number]
            switch batch.owner(of: number) {
            case .destination(let place):
                let tally = memory.destinations.tallies[place]
                let slot = tally.slot < 0 ? nil : Int(tally.slot)
                noteClosed(row, by: Arrivals.Owner(role: .client, peer: tally.isLocal ? .local : .remote, slot: slot))
            case .service(let slot):
                let isLocal = addresses.contains(row.remoteAddress, device: row.device)
                noteClosed(row, by: Arrivals.Owner(role: .server, peer: isLocal ? .local : .remote, slot: slot))
            }
        }
    }

    /// Adds the common rows to what the others have added up to.
    mutating func addCommonCounts() {
        let counts = commonCounts
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

/// What is known of a batch of common rows from one loop to the next, by their order.
private struct CommonBatch {
    static let mostRows = 64

    /// The place of the row's destination; or, for a service's end, the complement of its slot.
    private var owners = InlineArray<64, Int32>(repeating: 0)
    /// Whether each row has a cookie.
    private var hasCookies = true
    /// A bit for each TIME_WAIT that is new.
    private var new: UInt64 = 0

    /// What a row was counted under.
    enum Owner {
        /// The place of a destination.
        case destination(Int)
        /// The slot of a service.
        case service(Int)
    }

    func owner(of number: Int) -> Owner {
        let owner = Int(owners[number])
        return owner >= 0 ? .destination(owner) : .service(~owner)
    }

    /// Whether a row is a new TIME_WAIT.
    func isNew(_ number: Int) -> Bool { new >> UInt64(truncatingIfNeeded: number) & 1 != 0 }

    /// Finds the owner of each row.
    ///
    /// - Returns: how many rows are common, from the first on.
    mutating func recognise(
        _ rows: Span<SocketRow>,
        _ rules: CommonRules,
        forecastThreshold: Int,
        local: (address: IPAddress, device: UInt32),
        _ words: [UInt32],
        _ listeners: ListenerIndex,
        _ destinations: BoundedTable<Destination>,
        _ tallies: [Destinations.Tally]
    ) -> Int {
        let words = words.span
        let index = destinations.index.span
        let keys = destinations.keys.span
        let tallies = tallies.span
        let slots = listeners.slots.span
        let slotOfPort = listeners.slotOfPort.span
        for number in rows.indices {
            let row = rows[number]
            let isTimeWait = row.state == .timeWait
            let port = Int(row.localPort)
            guard isTimeWait || row.state == .established, row.localPort != row.remotePort else { return number }
            if row.cookie == 0 { hasCookies = false }
            let role = words[port] & (LocalPorts.watched | LocalPorts.offered | LocalPorts.serving)
            if role == LocalPorts.offered {
                let place = Int(index[destinations.slot(of: Destination(row), in: index, keys)]) - 1
                guard place >= 0, port != rules.missable, tallies[place].reuse != .unknown else { return number }
                if isTimeWait {
                    guard tallies[place].slot != Destinations.Tally.unclassified,
                        tallies[place].forecast >= 0
                            || tallies[place].timeWait + Self.mostRows < forecastThreshold
                    else { return number }
                }
                owners[number] = Int32(truncatingIfNeeded: place)
            } else if role == LocalPorts.serving, isTimeWait {
                let slot = Int(slotOfPort[port]) - 1
                guard slots[slot].onlyPlace(isIPv4: row.isIPv4) != nil,
                    row.localAddress == local.address, row.device == local.device
                else { return number }
                owners[number] = ~Int32(truncatingIfNeeded: slot)
            } else {
                return number
            }
        }
        return rows.count
    }

    /// Finds the TIME_WAITs that are new.
    mutating func findNew(in rows: Span<SocketRow>, _ arrivals: inout Arrivals) {
        // The general way, for procfs and for the first reading.
        guard arrivals.cookiesAreCurrent, hasCookies, arrivals.cookies.hasRoom(for: rows.count) else {
            for number in rows.indices {
                let row = rows[number]
                guard row.state == .timeWait, arrivals.isNew(row) else { continue }
                new |= 1 << UInt64(truncatingIfNeeded: number)
            }
            return
        }
        arrivals.hasCookies = true
        see(rows, &arrivals.cookies)
    }

    private mutating func see(_ rows: Span<SocketRow>, _ cookies: inout CookieTable) {
        let reading = cookies.reading
        var (used, present, new) = (0, 0, UInt64(0))
        var places = cookies.places.mutableSpan
        for number in rows.indices {
            let row = rows[number]
            guard row.state == .timeWait else { continue }
            let cookie = row.cookie
            let place = CookieTable.place(of: cookie, in: places.span)
            let entry = places[place]
            if entry == 0 {
                new |= 1 << UInt64(truncatingIfNeeded: number)
                used += 1
            }
            if entry >> 56 != reading {
                present += 1
                places[place] = CookieTable.entry(cookie, reading)
            }
        }
        self.new = new
        cookies.used += used
        cookies.present += present
    }

    func count(
        _ rows: Span<SocketRow>,
        _ rules: CommonRules,
        _ listeners: ListenerIndex,
        _ ports: inout [UInt32],
        _ tallies: inout [Destinations.Tally],
        _ forecasts: inout [PortForecast],
        _ timeWaits: inout [PortTimeWait],
        _ newTimeWaits: inout [PortTimeWait],
        _ places: inout [Int],
        _ counts: inout CommonCounts
    ) {
        let owners = owners.span
        var words = ports.mutableSpan
        var tallies = tallies.mutableSpan
        var forecasts = forecasts.mutableSpan
        let slots = listeners.slots.span
        var timeWaits = timeWaits.mutableSpan
        var newTimeWaits = newTimeWaits.mutableSpan
        var places = places.mutableSpan
        var remote = (address: IPAddress.anyIPv6, device: UInt32(0), isLocal: false, isKnown: false)
        for number in rows.indices {
            let row = rows[number]
            let owner = Int(owners[number])
            let port = Int(row.localPort)
            guard row.state == .timeWait else {
                tallies[owner].live += 1
                words[port] |= LocalPorts.established
                counts.note(establishedIPv4: row.isIPv4)
                continue
            }
            let age = rules.timing.ageInMilliseconds(timerRemaining: row.timerRemaining)
            let isNew = isNew(number)
            words[port] = LocalPorts.word(words[port], withTimeWaitOf: age)
            counts.note(timeWaitIPv4: row.isIPv4)
            if owner >= 0 {
                if tallies[owner].reuse == .afterDelay, Int(age) > rules.reuseDelay {
                    tallies[owner].reusable += 1
                } else {
                    tallies[owner].timeWait += 1
                    let forecast = tallies[owner].forecast
                    if forecast >= 0 { forecasts[forecast].note(age: age) }
                }
                counts.client.note(isLocal: tallies[owner].isLocal, age: age, isNew: isNew)
                let slot = Int(tallies[owner].slot)
                if slot >= 0 {
                    timeWaits[slot].clientLocal += 1
                    if isNew { newTimeWaits[slot].clientLocal += 1 }
                }
            } else {
                let slot = ~owner
                if !(remote.isKnown && row.remoteAddress == remote.address && row.device == remote.device) {
                    let (address, device) = (row.remoteAddress, row.device)
                    remote = (address, device, rules.addresses.contains(address, device: device), true)
                }
                if let place = slots[slot].onlyPlace(isIPv4: row.isIPv4) { places[place] += 1 }
                if remote.isLocal {
                    timeWaits[slot].serverLocal += 1
                    if isNew { newTimeWaits[slot].serverLocal += 1 }
                } else {
                    timeWaits[slot].serverRemote += 1
                    if isNew { newTimeWaits[slot].serverRemote += 1 }
                }
                counts.server.note(isLocal: remote.isLocal, age: age, isNew: isNew)
            }
        }
    }
}

/// What decides about common rows, beside the tables.
struct CommonRules {
    let timing: TimeWaitTiming
    /// The age above which a TIME_WAIT may be reused, in milliseconds.
    let reuseDelay: Int
    /// The port that connect() can miss; -1 where there is none.
    let missable: Int
    let addresses: LocalAddresses
}

/// What the common rows of a reading add up to.
struct CommonCounts {
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
