import Glibc

/// An IPv4 or IPv6 address, and its form for system calls.
struct Address: Hashable {
    /// AF_INET or AF_INET6.
    let family: Int32
    /// The 4 or 16 bytes of the address in the order of the network.
    let bytes: [UInt8]
    /// The address as the command wrote it.
    let text: String

    /// An address from its text; nil if the text is not an address.
    init?(_ text: String) {
        family = text.contains(":") ? AF_INET6 : AF_INET
        var bytes = [UInt8](repeating: 0, count: family == AF_INET6 ? 16 : 4)
        guard unsafe inet_pton(family, text, &bytes) == 1 else { return nil }
        self.bytes = bytes
        self.text = text
    }

    /// The address as it stands in /proc/net/tcp and tcp6: words of 32 bits, in the byte order of
    /// the machine, in capitals.
    var inProcNet: String {
        stride(from: 0, to: bytes.count, by: 4).map { start in
            let word = bytes[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let digits = String(UInt32(bigEndian: word), radix: 16, uppercase: true)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    /// Calls `body` with a `sockaddr_in` or `sockaddr_in6` of this address and a port.
    func withSocketAddress(port: UInt16, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Int32) -> Int32 {
        // Both structures begin with the family in the machine's order and the port in the
        // network's. What comes between them and the address, and behind it, is flow label and
        // scope, which are not used here.
        var raw = [UInt8](repeating: 0, count: family == AF_INET6 ? 28 : 16)
        let head = (UInt16(family), port.bigEndian)
        unsafe withUnsafeBytes(of: head) { unsafe raw.replaceSubrange(0..<4, with: $0) }
        let start = family == AF_INET6 ? 8 : 4
        raw.replaceSubrange(start..<start + bytes.count, with: bytes)
        return unsafe raw.withUnsafeBytes {
            unsafe body($0.bindMemory(to: sockaddr.self).baseAddress, socklen_t($0.count))
        }
    }
}
