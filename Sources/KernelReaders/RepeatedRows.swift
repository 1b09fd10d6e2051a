/// Recognises the rows that a dump over sock_diag gives twice.
///
/// The kernel resumes a dump by the number of sockets of a bucket that it has given, not by a socket: at each datagram,
/// and within buckets of more than 16 sockets after every 16th. A connection that came into the bucket meanwhile stands
/// at its head, so that the last row before comes again as the first row after; with n new connections the last n rows
/// do (inet_diag_dump_icsk(), net/ipv4/inet_diag.c). Seen once in several runs of 30 dumps of 300,000 sockets, with 5,000
/// new ones a second.
///
/// Only there is looked: a set of all cookies would cost more than the dump.
struct RepeatedRows {
    /// The cookies of the last rows, the newest at `newest`. Cookies are never 0.
    private var cookies = InlineArray<16, UInt64>(repeating: 0)
    private var newest = 0
    /// Whether every row of this datagram so far came a second time.
    private var isLeading = false

    /// Tells that the rows that follow come in a datagram of their own.
    @inline(__always)
    mutating func datagramBegins() {
        isLeading = true
    }

    /// Whether the row with the cookie came a moment ago; if not, remembers that it has come.
    @inline(__always)
    mutating func contains(_ cookie: UInt64) -> Bool {
        if cookie == cookies[newest] { return cookie != 0 }
        if isLeading {
            for index in cookies.indices where cookies[index] == cookie { return cookie != 0 }
            isLeading = false
        }
        newest = (newest + 1) & 15
        cookies[newest] = cookie
        return false
    }
}
