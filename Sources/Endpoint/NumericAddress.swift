import Glibc

/// Whether a text is an address in numbers.
enum NumericAddress {
    /// Four numbers, as in `127.0.0.1`.
    static func isIPv4(_ text: String) -> Bool {
        isAddress(text, of: AF_INET)
    }

    /// Without brackets and without a zone, as in `::1`.
    static func isIPv6(_ text: String) -> Bool {
        isAddress(text, of: AF_INET6)
    }

    private static func isAddress(_ text: String, of family: CInt) -> Bool {
        // Room for either family; what is written there is not looked at.
        var address = in6_addr()
        return unsafe inet_pton(family, text, &address) == 1
    }
}
