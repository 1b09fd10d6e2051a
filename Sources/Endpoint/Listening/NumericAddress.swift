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

    /// The usual form of an address of four or sixteen bytes, without brackets; nil for another number of bytes. An IPv4
    /// address within IPv6 is written as IPv4.
    static func text(_ bytes: [UInt8]) -> String? {
        let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]
        if bytes.count == 16, bytes.starts(with: mapped) { return text(Array(bytes.dropFirst(12))) }
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard unsafe inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
