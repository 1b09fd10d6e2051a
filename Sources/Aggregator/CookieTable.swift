/// Tells sockets from one reading to the next by their cookies, which the kernel gives to no two sockets.
///
/// One open-addressed table: eight bytes for a cookie and one for the reading that saw it last, so that nothing has to
/// be taken out when a socket is gone. What two readings have not seen is dropped when the table is rebuilt. It is the
/// only memory of the exporter that grows with the number of sockets (measured at a million: 12 ns a row; two sets 29,
/// Swift.Set 157), and it shrinks again.
struct CookieTable: Sendable {
    /// What is known of a socket.
    enum Sight {
        /// No reading before has seen it.
        case new
        /// A reading before has seen it.
        case seen
        /// This reading has seen it already: the kernel may give a socket twice when the table changes.
        case duplicate
        /// The table is full, and nobody can tell.
        case untracked
    }

    private static let smallestCapacity = 1024

    /// The most sockets of one reading that are kept.
    private let limit: Int
    private var cookies: [UInt64]
    /// The reading that saw the cookie beside it last, 1 to 255; 0 where there is none.
    private var readings: [UInt8]
    private var reading: UInt8 = 1
    /// Places that are not free.
    private var used = 0
    /// Cookies that this reading has seen.
    private var present = 0
    /// Sockets of this reading that the limit left out.
    private(set) var untracked = 0

    init(limit: Int) {
        self.limit = limit
        cookies = [UInt64](repeating: 0, count: Self.smallestCapacity)
        readings = [UInt8](repeating: 0, count: Self.smallestCapacity)
    }

    /// The bytes that the table takes.
    var bytes: Int { cookies.count * 9 }

    /// Starts a reading.
    mutating func begin() {
        if reading == .max || (cookies.count > Self.smallestCapacity && present < cookies.count / 8) { rebuild() }
        reading += 1
        present = 0
        untracked = 0
    }

    /// Notes a socket of this reading.
    mutating func see(_ cookie: UInt64) -> Sight {
        var place = self.place(of: cookie)
        if readings[place] != 0 {
            if readings[place] == reading { return .duplicate }
            readings[place] = reading
            present += 1
            return .seen
        }
        guard present < limit else {
            untracked += 1
            return .untracked
        }
        if used * 10 >= cookies.count * 7 {
            rebuild()
            place = self.place(of: cookie)
        }
        cookies[place] = cookie
        readings[place] = reading
        used += 1
        present += 1
        return .new
    }

    /// Where the cookie is, or the free place where it belongs.
    @inline(__always)
    private func place(of cookie: UInt64) -> Int {
        let mask = cookies.count - 1
        // Cookies are counted up; multiplied by 2^64 / golden ratio they are spread over the table.
        var place = Int(truncatingIfNeeded: (cookie &* 0x9E37_79B9_7F4A_7C15) >> 24) & mask
        while readings[place] != 0, cookies[place] != cookie { place = (place + 1) & mask }
        return place
    }

    /// Keeps what this reading and the one before have seen, in a table that fits.
    private mutating func rebuild() {
        let (oldCookies, oldReadings) = (cookies, readings)
        let kept = oldReadings.count { $0 == reading || (reading > 1 && $0 == reading - 1) }
        var capacity = Self.smallestCapacity
        while capacity * 6 < kept * 10 { capacity *= 2 }
        cookies = [UInt64](repeating: 0, count: capacity)
        readings = [UInt8](repeating: 0, count: capacity)
        for (cookie, seen) in zip(oldCookies, oldReadings) where seen == reading || (reading > 1 && seen == reading - 1)
        {
            let place = self.place(of: cookie)
            cookies[place] = cookie
            // 2 is this reading, 1 the one before.
            readings[place] = seen == reading ? 2 : 1
        }
        reading = 2
        used = kept
    }
}
