import Model

/// Finds the TIME_WAITs that began since the reading before, each once.
///
/// Where the source gives cookies, new is what no reading has seen. Else the remaining time gives
/// the age, and new is what began between the starts of two readings. An age is known to some
/// hundredths of a second: a row that began so close to a start is remembered, so that the next
/// reading does not judge it otherwise. The first reading is the baseline: nothing is new.
struct Arrivals: Sendable {
    /// Which end of which connection a TIME_WAIT is.
    struct Owner: Sendable {
        let role: Role
        let peer: Peer
        /// The service port's slot; nil where it belongs to none.
        let slot: Int?
    }

    /// How wrong the beginning of a row without a cookie may be, in seconds: the timer is printed
    /// in hundredths, and the clock is read when the rows of a page have been.
    private static let uncertainty = 0.1
    /// The most rows near the start of a reading that are remembered.
    private static let mostNear = 65_536

    var cookies: CookieTable
    /// Whether the cookies are those of the last reading that was finished.
    private(set) var cookiesAreCurrent = false
    /// Whether this reading had a row with a cookie, and whether it had one without.
    var (hasCookies, lacksCookies) = (false, false)
    /// When the last reading that was finished started; nil before the first.
    private var before: Instant?
    private var start = Instant(nanoseconds: 0)
    /// When the rows that follow were read.
    private(set) var chunk = Instant(nanoseconds: 0)
    private var timing = TimeWaitTiming()
    /// The rows without a cookie that began close to the start of the last reading that was
    /// finished, and whether it counted them; and those of this reading.
    private var (nearBefore, near): ([UInt64: Bool], [UInt64: Bool]) = ([:], [:])

    /// - Parameter limit: the most sockets that are recognised by cookies.
    init(limit: Int) {
        cookies = CookieTable(limit: limit)
    }

    /// Gives the table of cookies away, to a reading that may be given up: it is too large for a
    /// copy.
    mutating func lendCookies() -> (table: CookieTable, areCurrent: Bool) {
        defer {
            cookies = CookieTable(limit: cookies.limit)
            cookiesAreCurrent = false
        }
        return (cookies, cookiesAreCurrent)
    }

    /// Takes the table in.
    mutating func takeBack(_ lent: (table: CookieTable, areCurrent: Bool)) {
        (cookies, cookiesAreCurrent) = lent
    }

    /// TIME_WAITs of this reading of which nobody can tell whether they are new.
    var untracked: Int { cookies.untracked }

    /// Starts a reading.
    mutating func begin(_ timing: TimeWaitTiming, at now: Instant) {
        self.timing = timing
        near.removeAll(keepingCapacity: true)
        // A reading that was not finished has left its marks in the table.
        if hasCookies { cookiesAreCurrent = false }
        (hasCookies, lacksCookies) = (false, false)
        start = now
        chunk = now
        cookies.begin()
    }

    /// The rows that follow were read at this moment.
    mutating func chunk(at now: Instant) {
        chunk = now
    }

    /// Takes a TIME_WAIT.
    ///
    /// - Returns: whether it is new.
    mutating func isNew(_ row: borrowing SocketRow) -> Bool {
        guard row.cookie != 0 else {
            lacksCookies = true
            return isNewByAge(row)
        }
        guard cookies.limit > 0 else {
            cookies.leaveOut()
            return false
        }
        hasCookies = true
        switch cookies.see(row.cookie) {
        case .new where cookiesAreCurrent: return true
        case .seen where cookiesAreCurrent: return false
        case .new, .seen: return began(row) != nil
        case .duplicate, .untracked: return false
        }
    }

    /// Whether a row without a cookie began between the starts of two readings.
    private mutating func isNewByAge(_ row: borrowing SocketRow) -> Bool {
        guard row.timerRemaining > 0 else { return false }
        let began = chunk + -timing.age(timerRemaining: row.timerRemaining)
        var isNew = before.map { began > $0 && began <= start } ?? false
        if let before, abs(began - before) <= Self.uncertainty {
            // What the reading before has not seen near its start began after it.
            isNew = nearBefore[row.connection].map { !$0 } ?? true
        }
        // Wider, so that what the next reading takes for near was remembered, also where this one
        // was held up.
        if abs(began - start) <= 5 * Self.uncertainty, near.count < Self.mostNear {
            // Before the first reading nothing is counted; of what it saw nothing is new later.
            near[row.connection] = before == nil ? began <= start : isNew
        }
        return isNew
    }

    /// When a TIME_WAIT began, if that was after the start of the reading before.
    private func began(_ row: borrowing SocketRow) -> Instant? {
        // One whose time is over only waits for the kernel's timer.
        guard let before, row.timerRemaining > 0 else { return nil }
        let began = chunk + -timing.age(timerRemaining: row.timerRemaining)
        return began > before ? began : nil
    }

    /// Ends a reading that went through.
    mutating func finish() {
        // An empty table has no cookies; what comes after it is new whatever the source.
        cookiesAreCurrent = !lacksCookies && (hasCookies || cookiesAreCurrent)
        (hasCookies, lacksCookies) = (false, false)
        before = start
        swap(&near, &nearBefore)
    }
}

/// Counts the TIME_WAITs that began, for the host and for each service port. A port's counter
/// outlives its listener: a service that comes back goes on counting where it was.
struct EntryCounters: Sendable {
    private struct Counter {
        var entries = PortTimeWait()
        /// When the port was known last.
        var known: Instant
    }

    /// How many ports are remembered that nobody listens on.
    private let remembered: Int
    private var ports: [Port: Counter] = [:]
    /// Those of the host.
    private(set) var host = TimeWaitCounts()

    init(remembered: Int) {
        self.remembered = remembered
    }

    /// What a port has counted.
    func entries(of port: Port) -> PortTimeWait { ports[port]?.entries ?? PortTimeWait() }

    /// Adds what one reading found.
    ///
    /// - Parameters:
    ///   - new: TIME_WAITs of the host that began.
    ///   - lines: the ports that somebody listens on, or did until a moment ago, and of each those
    ///     that began.
    mutating func add(_ new: TimeWaitCounts, _ lines: some Sequence<(port: Port, new: PortTimeWait)>, at now: Instant) {
        host += new
        for (port, new) in lines {
            // A port without a TIME_WAIT needs no counter yet.
            guard new.total > 0 || ports[port] != nil else { continue }
            ports[port, default: Counter(known: now)].entries += new
            ports[port]?.known = now
        }
        forget(at: now)
    }

    /// Drops the ports that have been gone for the longest, above the number that is remembered.
    private mutating func forget(at now: Instant) {
        let gone = ports.filter { $0.value.known < now }
        guard gone.count > remembered else { return }
        let oldest = gone.sorted { ($0.value.known, $0.key) < ($1.value.known, $1.key) }
        for (port, _) in oldest.prefix(gone.count - remembered) { ports[port] = nil }
    }
}
