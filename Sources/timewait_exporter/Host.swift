import Glibc

/// The machine that the program runs on.
enum Host {
    /// Its name.
    static var name: String {
        var name = utsname()
        // It writes into the variable that it is given; the name ends with NUL within it.
        unsafe uname(&name)
        return unsafe withUnsafeBytes(of: &name.nodename) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// The day in UTC: `2026-11-26`.
    static var date: String { String(StandardErrorLog.timestamp().prefix(10)) }
}
