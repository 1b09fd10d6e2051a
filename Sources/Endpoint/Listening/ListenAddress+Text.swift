extension ListenAddress {
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
    ///
    /// - Throws: what is wrong with the text, and what would be right.
    package init(_ text: String) throws(Endpoint.SyntaxError) {
        do throws(Reason) {
            self = try Self.read(text)
        } catch {
            throw Endpoint.SyntaxError(text: text, reason: error.sentence)
        }
    }

    private struct Reason: Error {
        let sentence: String

        init(_ sentence: String) { self.sentence = sentence }
    }

    private static func read(_ text: String) throws(Reason) -> ListenAddress {
        if text.isEmpty { throw Reason("no address; write :10057 for every address, or 127.0.0.1:10057") }
        if text.contains("/") { throw Reason("an address has neither scheme nor path, as in localhost:10057") }
        if text.hasPrefix("[") { return try readBracketed(text) }
        guard let colon = text.lastIndex(of: ":") else { throw withoutPort(text) }
        let host = String(text[..<colon])
        if host.contains(":") { throw Reason("an IPv6 address stands in brackets, as in [::1]:10057") }
        let port = try readPort(text[text.index(after: colon)...], after: host)
        return ListenAddress(host: try readHost(host), port: port)
    }

    /// `[address]:port`, where the first bracket is certain.
    private static func readBracketed(_ text: String) throws(Reason) -> ListenAddress {
        guard let end = text.firstIndex(of: "]") else {
            throw Reason("the bracket is not closed; write [::1]:10057")
        }
        let address = String(text[text.index(after: text.startIndex)..<end])
        let zone = address.firstIndex(of: "%")
        guard NumericAddress.isIPv6(String(address[..<(zone ?? address.endIndex)])) else {
            throw Reason("in the brackets stands no IPv6 address, as in [::1]:10057")
        }
        if let zone, address.index(after: zone) == address.endIndex {
            throw Reason("after the % comes the name of an interface, as in [fe80::1%eth0]:10057")
        }
        if zone == nil, isLinkLocal(address) {
            let right = "[\(address)%eth0]:10057"
            throw Reason("a link-local address takes a zone, the name of its interface, as in \(right)")
        }
        let rest = text[text.index(after: end)...]
        if rest.isEmpty { throw withoutPort(text) }
        guard rest.hasPrefix(":") else {
            throw Reason("after the bracket come a colon and the port, as in [::1]:10057")
        }
        let port = try readPort(rest.dropFirst(), after: "[\(address)]")
        return ListenAddress(host: .address(address), port: port)
    }

    /// Whether an IPv6 address is of fe80::/10, which every link has: only its interface tells which one is meant.
    private static func isLinkLocal(_ address: String) -> Bool {
        guard let first = UInt16(address.prefix { $0 != ":" }, radix: 16) else { return false }
        return first & 0xFFC0 == 0xFE80
    }

    private static func withoutPort(_ text: String) -> Reason {
        let isPort = UInt16(text) != nil
        return Reason(
            "no port; write " + (isPort ? ":\(text) for every address, or 127.0.0.1:\(text)" : "\(text):10057")
        )
    }

    private static func readPort(_ digits: Substring, after host: String) throws(Reason) -> UInt16 {
        if digits.isEmpty { throw Reason("no port after the colon, as in \(host):10057") }
        guard digits.allSatisfy(isDigit) else {
            throw Reason("port \(String(digits).debugDescription) is not a number")
        }
        guard let port = UInt16(digits) else { throw Reason("port \(digits) is not in 0-65535") }
        return port
    }

    /// What stands before the colon and is neither in brackets nor holds a colon.
    private static func readHost(_ host: String) throws(Reason) -> Host {
        if host.isEmpty { return .every }
        if NumericAddress.isIPv4(host) { return .address(host) }
        // Names of digits and dots only do not exist; getaddrinfo would read 127.1 as 127.0.0.1.
        if host.allSatisfy({ isDigit($0) || $0 == "." }) { throw Reason("\(host) is not an IPv4 address") }
        guard host.allSatisfy(isOfName) else {
            throw Reason("\(host.debugDescription) is neither an address nor a name")
        }
        return .name(host)
    }

    private static func isDigit(_ character: Character) -> Bool {
        character.isASCII && character.isNumber
    }

    private static func isOfName(_ character: Character) -> Bool {
        isDigit(character) || character.isASCII && character.isLetter || "-_.".contains(character)
    }
}
