import Ports

/// Tells which TIME_WAITs began since the reading before, each once.
///
/// By its cookie, where the source tells it: new is what no reading has seen. Else by its age, which its remaining time
/// tells: new is what began between the starts of two readings. The first reading is the baseline: nothing is new.
struct Arrivals: Sendable {
    /// Whose TIME_WAIT it is.
    struct Owner: Sendable {
        let role: Role
        let peer: Peer
        /// The service port's slot; nil where it belongs to none.
        let slot: Int?
    }

    /// How long TIME_WAIT lasts, in seconds: TCP_TIMEWAIT_LEN.
    private static let duration = 60.0

    private var cookies: CookieTable
    /// Whether the cookies are those of the last reading that was finished.
    private var cookiesAreCurrent = false
    /// Whether this reading told a cookie, and whether it gave a row without one.
    private var (hasCookies, lacksCookies) = (false, false)
    /// When the last reading that was finished started; nil before the first.
    private var before: Instant?
    private var start = Instant(nanoseconds: 0)
    /// When the rows that follow were read.
    private var chunk = Instant(nanoseconds: 0)

    /// - Parameter limit: the most sockets that are told apart by cookies.
    init(limit: Int) {
        cookies = CookieTable(limit: limit)
    }

    /// TIME_WAITs of this reading of which nobody can tell whether they are new.
    var untracked: Int { cookies.untracked }

    /// Starts a reading.
    mutating func begin(at now: Instant) {
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
            return began(row).map { $0 <= start } ?? false
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

    /// When a TIME_WAIT began, if that was after the start of the reading before.
    private func began(_ row: borrowing SocketRow) -> Instant? {
        // One that is past its 60 s only waits for the kernel's timer.
        guard let before, row.timerRemaining > 0 else { return nil }
        let began = chunk + (Double(row.timerRemaining) / 1000 - Self.duration)
        return began > before ? began : nil
    }

    /// Ends a reading that went through.
    mutating func finish() {
        // An empty table has no cookie to tell; what comes after it is new whatever the source.
        cookiesAreCurrent = !lacksCookies && (hasCookies || cookiesAreCurrent)
        (hasCookies, lacksCookies) = (false, false)
        before = start
    }
}
