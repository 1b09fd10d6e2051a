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
    package let port: UInt16

    /// Reads what an operator wrote.
    ///
    /// | text | meaning |
    /// |---|---|
    /// | `:10057` | every address of the host, IPv6 and IPv4 |
    /// | `127.0.0.1:10057` | one IPv4 address |
    /// | `[::1]:10057`, `[fe80::1%eth0]:10057` | one IPv6 address, link-local with its zone |
    /// | `[::]:10057` | every address, as `:10057`, but an error where the kernel has no IPv6 |
    /// | `host.example:10057` | the first IPv4 address of the name, or else IPv6 address |
    /// | `localhost:10057` | 127.0.0.1 |
    ///
    /// The port is 0 to 65535, and 0 lets the kernel choose one.
    ///
    /// - Parameter example: the port that messages show.
    package init(_ text: String, example: UInt16 = 10057) throws(Endpoint.SyntaxError) {
        func refused(_ reason: String) -> Endpoint.SyntaxError {
            Endpoint.SyntaxError(text: text, reason: reason.onOneLine())
        }
        if text.isEmpty { throw refused("no address; write :\(example) for every address, or 127.0.0.1:\(example)") }
        if text.contains("/") { throw refused("an address has neither scheme nor path, as in localhost:\(example)") }
        let end = text.hasPrefix("[") ? text.firstIndex(of: "]").map(text.index(after:)) : text.lastIndex(of: ":")
        let written = text[..<(end ?? text.endIndex)]
        let rest = text[written.endIndex...]
        if text.hasPrefix("[") {
            if end == nil { throw refused("the bracket is not closed; write [::1]:\(example)") }
            let address = written.dropFirst().dropLast()
            if let reason = Self.fault(ofIPv6: address, example) { throw refused(reason) }
            host = .address(String(address))
        } else {
            let first = written.prefix { $0 != ":" }
            if first != written, first.contains(where: { !$0.isHexDigit }), Self.fault(ofHost: first) == nil {
                throw refused("after the address come one colon and one port, as in \(first):\(example)")
            }
            if written.contains(":") { throw refused("put an IPv6 address in brackets, as in [::1]:\(example)") }
            if !rest.isEmpty, let reason = Self.fault(ofHost: written) { throw refused(reason) }
            host =
                written.isEmpty
                ? .every : Self.isAddress(written, of: AF_INET) ? .address(String(written)) : .name(String(written))
        }
        if rest.isEmpty {
            let isPort = UInt16(text) != nil
            throw refused(
                "no port; write " + (isPort ? ":\(text) for every address, or 127.0.0.1:\(text)" : "\(text):\(example)")
            )
        }
        guard rest.hasPrefix(":") else {
            throw refused("after the bracket come a colon and the port, as in [::1]:\(example)")
        }
        let digits = rest.dropFirst()
        if digits.isEmpty { throw refused("no port after the colon, as in \(written):\(example)") }
        guard digits.wholeMatch(of: /[0-9]+/) != nil else {
            throw refused("port \(String(digits).quoted) is not a number")
        }
        guard let port = UInt16(digits) else { throw refused("port \(digits) is not in 0-65535") }
        self.port = port
    }

    /// What is wrong with the text between brackets.
    private static func fault(ofIPv6 text: Substring, _ example: UInt16) -> String? {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard isAddress(parts[0], of: AF_INET6) else {
            return "the brackets do not hold an IPv6 address, as in [::1]:\(example)"
        }
        if parts.count == 1 {
            // Every link has fe80::/10: only the interface identifies the one that is meant.
            let isLinkLocal = UInt16(text.prefix { $0 != ":" }, radix: 16).map { $0 & 0xFFC0 == 0xFE80 } ?? false
            let advice = "a link-local address takes a zone, the name of its interface, as in [\(text)%eth0]:\(example)"
            return isLinkLocal ? advice : nil
        }
        return parts[1].isEmpty ? "after the % comes the name of an interface, as in [fe80::1%eth0]:\(example)" : nil
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

/// A listening socket. It is closed when the last reference is gone.
final class ListenSocket: Sendable {
    let descriptor: CInt
    /// What the operator asked for; nil for a socket that was passed to this process.
    private let wanted: ListenAddress?
    /// Whether another process made it, and may listen on it too.
    private let isInherited: Bool

    init(_ address: ListenAddress) throws(EndpointError) {
        var refused: CInt = 0
        for candidate in try Self.candidates(for: address) {
            do throws(SystemError) {
                descriptor = try Sockets.listening(on: candidate)
                wanted = address
                isInherited = false
                return
            } catch {
                refused = error.errno
                // Only a host without IPv6 is a reason to try the next.
                guard refused == EAFNOSUPPORT || refused == EADDRNOTAVAIL else { break }
            }
        }
        throw .cannotListen(on: address, refused)
    }

    /// Takes over a socket that was passed to this process and listens.
    init(inherited descriptor: CInt) throws(EndpointError) {
        guard let isListening = Sockets.option(SO_ACCEPTCONN, SOL_SOCKET, of: descriptor), isListening != 0 else {
            let advice = "expected one from ListenStream= of a socket unit"
            throw .cannotServe("file descriptor \(descriptor) is not a listening stream socket; \(advice)")
        }
        // Neither may be set where it comes from: no child of ours needs it, and accept() must not
        // block.
        Sockets.adopt(descriptor)
        self.descriptor = descriptor
        wanted = nil
        isInherited = true
    }

    deinit { Sockets.close(descriptor) }

    /// Refuses connections from now on; one that was inherited keeps them for the next process.
    func stopListening() {
        if !isInherited { Sockets.shutdown(descriptor) }
    }

    func accept() throws(SystemError) -> (descriptor: CInt, client: SocketAddress) {
        try Sockets.accept(on: descriptor)
    }

    /// The address that the kernel bound, or, where it does not say, the wanted one.
    var boundAddress: String { Sockets.localAddress(of: descriptor)?.text ?? wanted?.description ?? "" }

    /// What to bind for an address, in the order of trying.
    static func candidates(for address: ListenAddress) throws(EndpointError) -> [SocketAddress] {
        let port = address.port
        do throws(SocketAddress.NotFound) {
            switch address.host {
            case .every:
                return try SocketAddress.find(nil, port: port, family: AF_INET6)
                    + SocketAddress.find(nil, port: port, family: AF_INET)
            case .address(let text): return try SocketAddress.find(text, port: port, flags: AI_NUMERICHOST)
            case .name("localhost"):
                // Always this (RFC 6761, 6.3), on a host with neither /etc/hosts nor a name server
                // too.
                return try SocketAddress.find("127.0.0.1", port: port, flags: AI_NUMERICHOST)
            case .name(let name):
                // One address, and IPv4 first, as the exporters written in Go do.
                let found = try SocketAddress.find(name, port: port)
                return Array((found.filter { $0.family == AF_INET } + found).prefix(1))
            }
        } catch {
            throw .cannotServe("cannot listen on \(address): \(error.reason)")
        }
    }
}
