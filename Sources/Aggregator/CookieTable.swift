/// Recognises sockets from one reading to the next by their cookies, which are unique.
///
/// One open-addressed table of cookies, each with the reading that saw it last in its highest byte,
/// which no cookie reaches: they are counted up from 1. Nothing has to be taken out when a socket
/// is gone: what two readings have not seen is dropped when the table is rebuilt. It is the only
/// memory of the exporter that grows with the number of sockets, and it shrinks again.
///
/// A socket gets its cookie when it is first dumped (gen_cookie_next(), include/linux/cookie.h), so
/// that sockets which follow each other in one dump have cookies that do too, and follow each other
/// in the next. 64 cookies in a row are kept in a row: memory is asked for in its own order
/// (measured at 100,000 sockets: 3 % of a reading, and 9 % where every cookie was hashed by
/// itself).
struct CookieTable: Sendable {
    /// What is known of a socket.
    enum Sight {
        /// No reading before has seen it.
        case new
        /// A reading before has seen it.
        case seen
        /// This reading has seen it already: the kernel may give a socket twice when the table
        /// changes.
        case duplicate
        /// The table is full: not known.
        case untracked
    }

    static let smallestCapacity = 1024

    /// The most sockets of one reading that are kept.
    let limit: Int
    /// A cookie, and in the highest byte the reading that saw it last, 1 to 255; 0 where there is
    /// none.
    var places: [UInt64]
    private(set) var reading: UInt64 = 1
    /// Places that are not free.
    var used = 0
    /// Cookies that this reading has seen.
    var present = 0
    /// Sockets of this reading that the limit left out.
    private(set) var untracked = 0

    init(limit: Int) {
        self.limit = limit
        places = [UInt64](repeating: 0, count: Self.smallestCapacity)
    }

    /// Starts a reading.
    mutating func begin() {
        if reading == 255 || (places.count > Self.smallestCapacity && present < places.count / 8) { rebuild() }
        reading += 1
        present = 0
        untracked = 0
    }

    /// Notes a socket of this reading.
    mutating func see(_ cookie: UInt64) -> Sight {
        var place = place(of: cookie)
        if places[place] != 0 {
            if places[place] >> 56 == reading { return .duplicate }
            places[place] = Self.entry(cookie, reading)
            present += 1
            return .seen
        }
        guard present < limit else {
            leaveOut()
            return .untracked
        }
        if used * 10 >= places.count * 7 {
            rebuild()
            place = self.place(of: cookie)
        }
        places[place] = Self.entry(cookie, reading)
        used += 1
        present += 1
        return .new
    }

    /// Counts a socket of this reading that is not kept.
    mutating func leaveOut() { untracked += 1 }

    @inline(__always)
    static func entry(_ cookie: UInt64, _ reading: UInt64) -> UInt64 {
        (cookie << 8) >> 8 | reading << 56
    }

    /// Where the cookie is, or the free place where it belongs. The highest byte does not count.
    ///
    /// What stands in the way is passed by 65 places at a time, beside a cookie's neighbours and
    /// not into them. An odd number visits every place: by 64 at a time a cookie would only ever
    /// see one of 64, and where those are full, as happens by chance in a small table, it would
    /// look for ever.
    @inline(__always)
    static func place(of cookie: UInt64, in places: Span<UInt64>) -> Int {
        let mask = places.count - 1
        let key = cookie << 8
        var place = home(of: cookie, mask)
        while places[place] != 0, places[place] << 8 != key { place = (place + 65) & mask }
        return place
    }

    private func place(of cookie: UInt64) -> Int { Self.place(of: cookie, in: places.span) }

    /// Whether the table takes as many more cookies without being rebuilt, and within its limit.
    func hasRoom(for more: Int) -> Bool { (used + more) * 10 < places.count * 7 && present + more <= limit }

    /// Where a cookie belongs if that is free. Rows of 64 are spread over the table by 2^64 /
    /// golden ratio.
    @inline(__always)
    private static func home(of cookie: UInt64, _ mask: Int) -> Int {
        let row = ((cookie << 8) >> 14) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: row >> 32) << 6 & mask | Int(truncatingIfNeeded: cookie) & 63
    }

    /// Keeps what this reading and the one before have seen, in a table that fits.
    private mutating func rebuild() {
        let old = places
        // What is free has the reading 0, and is not before the first.
        let oldest = max(reading - 1, 1)
        let kept = old.count { $0 >> 56 >= oldest && $0 >> 56 <= reading }
        var capacity = Self.smallestCapacity
        while capacity * 6 < kept * 10 { capacity *= 2 }
        places = [UInt64](repeating: 0, count: capacity)
        for entry in old where entry >> 56 >= oldest && entry >> 56 <= reading {
            // 2 is this reading, 1 the one before.
            places[place(of: entry)] = Self.entry(entry, entry >> 56 == reading ? 2 : 1)
        }
        reading = 2
        used = kept
    }
}
