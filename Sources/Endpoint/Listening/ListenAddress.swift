import Glibc
import System
import WebConfiguration

/// Where to listen: an address or a name of this host, and a port.
package struct ListenAddress: Equatable, Sendable {
    enum Host: Equatable, Sendable {
        /// Every address of the host, IPv6 and IPv4.
        case every
        /// An address without brackets; an IPv6 address may carry a zone, as in `fe80::1%eth0`.
        case address(String)
        /// A name, looked up when the socket is made.
        case name(String)
    }

    let host: Host
    /// 0 lets the kernel choose.
    let port: UInt16

    /// Reads what an operator wrote.
    ///
    /// | text | meaning |
    /// |---|---|
    /// | `:10057` | every address of the host, IPv6 and IPv4 |
    /// | `127.0.0.1:10057` | one IPv4 address |
    /// | `[::1]:10057`, `[fe80::1%eth0]:10057` | one IPv6 address, with its zone where it is link-local |
    /// | `[::]:10057` | every address, as `:10057`, but an error where the kernel has no IPv6 |
    /// | `host.example:10057` | the first IPv4 address of the name, or the first IPv6 address where it has no other |
    /// | `localhost:10057` | 127.0.0.1 |
    ///
    /// The port is 0 to 65535, and 0 lets the kernel choose one.
    package init(_ text: String) throws(Endpoint.SyntaxError) {
        func refused(_ reason: String) -> Endpoint.SyntaxError { Endpoint.SyntaxError(text: text, reason: reason) }
        if text.isEmpty { throw refused("no address; write :10057 for every address, or 127.0.0.1:10057") }
        if text.contains("/") { throw refused("an address has neither scheme nor path, as in localhost:10057") }
        let end = text.hasPrefix("[") ? text.firstIndex(of: "]").map(text.index(after:)) : text.lastIndex(of: ":")
        let written = text[..<(end ?? text.endIndex)]
        let rest = text[written.endIndex...]
        if text.hasPrefix("[") {
            if end == nil { throw refused("the bracket is not closed; write [::1]:10057") }
            let address = written.dropFirst().dropLast()
            if let reason = Self.fault(ofIPv6: address) { throw refused(reason) }
            host = .address(String(address))
        } else {
            let first = written.prefix { $0 != ":" }
            if first != written, first.contains(where: { !$0.isHexDigit }), Self.fault(ofHost: first) == nil {
                throw refused("after the address come one colon and one port, as in \(first):10057")
            }
            if written.contains(":") { throw refused("an IPv6 address stands in brackets, as in [::1]:10057") }
            if !rest.isEmpty, let reason = Self.fault(ofHost: written) { throw refused(reason) }
            host =
                written.isEmpty
                ? .every : Self.isAddress(written, of: AF_INET) ? .address(String(written)) : .name(String(written))
        }
        if rest.isEmpty {
            let isPort = UInt16(text) != nil
            throw refused(
                "no port; write " + (isPort ? ":\(text) for every address, or 127.0.0.1:\(text)" : "\(text):10057")
            )
        }
        guard rest.hasPrefix(":") else {
            throw refused("after the bracket come a colon and the port, as in [::1]:10057")
        }
        let digits = rest.dropFirst()
        if digits.isEmpty { throw refused("no port after the colon, as in \(written):10057") }
        guard digits.wholeMatch(of: /[0-9]+/) != nil else {
            throw refused("port \(String(digits).quoted) is not a number")
        }
        guard let port = UInt16(digits) else { throw refused("port \(digits) is not in 0-65535") }
        self.port = port
    }

    /// What is wrong with the text between brackets.
    private static func fault(ofIPv6 text: Substring) -> String? {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard isAddress(parts[0], of: AF_INET6) else {
            return "in the brackets stands no IPv6 address, as in [::1]:10057"
        }
        if parts.count == 1 {
            // Every link has fe80::/10: only its interface tells which one is meant.
            let isLinkLocal = UInt16(text.prefix { $0 != ":" }, radix: 16).map { $0 & 0xFFC0 == 0xFE80 } ?? false
            let advice = "a link-local address takes a zone, the name of its interface, as in [\(text)%eth0]:10057"
            return isLinkLocal ? advice : nil
        }
        return parts[1].isEmpty ? "after the % comes the name of an interface, as in [fe80::1%eth0]:10057" : nil
    }

    /// What is wrong with a text without brackets and colons.
    private static func fault(ofHost text: Substring) -> String? {
        if text.isEmpty || isAddress(text, of: AF_INET) { return nil }
        // Names of digits and dots only do not exist; getaddrinfo would read 127.1 as 127.0.0.1.
        if text.wholeMatch(of: /[0-9.]+/) != nil { return "\(text) is not an IPv4 address" }
        if text.wholeMatch(of: /[A-Za-z0-9._-]+/) != nil { return nil }
        return "\(String(text).quoted) is neither an address nor a name"
    }

    private static func isAddress(_ text: Substring, of family: CInt) -> Bool {
        SocketAddress.isAddress(String(text), of: family)
    }
}

extension ListenAddress: CustomStringConvertible {
    /// The address as an operator writes it.
    package var description: String {
        switch host {
        case .every: ":\(port)"
        case .address(let text) where text.contains(":"): "[\(text)]:\(port)"
        case .address(let text), .name(let text): "\(text):\(port)"
        }
    }
}
