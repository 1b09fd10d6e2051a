extension AccountingSettings {
    /// The memory that the exporter needs beside the table of cookies, in bytes, whatever the
    /// sockets: other tables that are full, pages, TLS, a diagnosis.
    package static let otherMemory = 10 << 20

    /// The most sockets that can be recognised from one reading to the next in so much memory.
    ///
    /// A table that is made anew has at least 10 places for 6 cookies. It stands beside the old one
    /// until all are moved, and holds the cookies of two readings, which may have none in common.
    ///
    /// - Parameter bytes: what is left for this process.
    package static func socketsLimit(within bytes: Int) -> Int {
        let bytes = min(bytes - otherMemory, 1 << 40)
        var places = CookieTable.smallestCapacity
        guard bytes >= 2 * 8 * places else { return 0 }
        while 2 * 8 * (2 * places) <= bytes { places *= 2 }
        return places * 6 / 10 / 2
    }
}
