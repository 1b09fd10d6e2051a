import System

/// What is probed, and how.
package struct Target: Hashable, Sendable {
    /// What names the target: the text that it was read from.
    package let name: String
    package let module: ProbeModule
    /// A name or an address; nil for any address of this host (`listen` only).
    let host: String?
    let port: UInt16
    let isTLS: Bool
    /// With its slash and its query; empty without HTTP.
    let path: String

    /// Why a text is no target, and what would be right.
    package struct SyntaxError: Error, Equatable, CustomStringConvertible {
        /// The text, shortened.
        let text: String
        /// What is wrong with it, and what would be right. It does not repeat the text.
        package let reason: String

        package var description: String { "the target \"\(text)\": \(reason)" }
    }

    /// Reads a target.
    ///
    /// | module | texts |
    /// |---|---|
    /// | `listen` | `8080`, `127.0.0.1:8080`, `[::1]:8080` |
    /// | `tcp` | `db.example:5432`, `10.0.0.5:5432`, `[::1]:5432` |
    /// | `http` | `http://web-1:8080/health`, `https://web-1/`, `web-1:8080` |
    package init(_ text: String, _ module: ProbeModule) throws(SyntaxError) {
        name = text
        self.module = module
        guard !text.isEmpty else { throw Self.refused(text, "it is empty", module) }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw Self.refused(text, "it has white space or control characters", module)
        }
        switch module.kind {
        case .listen:
            (path, isTLS) = ("", false)
            if text.allSatisfy({ $0.isASCII && $0.isNumber }) {
                (host, port) = (nil, try Self.port(text[...], text, module))
                return
            }
            let (host, port) = try Self.endpoint(text[...], text, module)
            guard let port else { throw Self.refused(text, "it has no port", module) }
            guard Self.isAddress(host) else { throw Self.refused(text, "its host is not a numeric address", module) }
            (self.host, self.port) = (host, port)
        case .tcp:
            (path, isTLS) = ("", false)
            let (host, port) = try Self.endpoint(text[...], text, module)
            guard let port else { throw Self.refused(text, "it has no port", module) }
            (self.host, self.port) = (host, port)
        case .http(let http):
            var rest = text[...]
            let scheme = text.firstRange(of: "://").map { text[..<$0.lowerBound].lowercased() }
            guard scheme == nil || scheme == "http" || scheme == "https" else {
                throw Self.refused(text, "its scheme is neither http nor https", module)
            }
            if let scheme { rest = text.dropFirst(scheme.count + 3) }
            isTLS = scheme == "https"
            let place = rest.prefix { !"/?#".contains($0) }
            guard !place.contains("@") else { throw Self.refused(text, "it names a user", module) }
            let (host, port) = try Self.endpoint(place, text, module)
            self.host = host
            self.port = port ?? (isTLS ? 443 : 80)
            let path = rest[place.endIndex...].prefix { $0 != "#" }
            self.path = path.isEmpty ? http.path : path.hasPrefix("?") ? "/" + path : String(path)
        }
    }

    /// The target for a LISTEN socket of this host.
    ///
    /// - Parameter host: a numeric address.
    package init(listener host: String, _ port: UInt16, _ module: ProbeModule) {
        name = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        self.module = module
        self.host = host
        self.port = port
        isTLS = false
        if case .http(let http) = module.kind { path = http.path } else { path = "" }
    }

    /// A host and a port; an IPv6 address is in brackets.
    private static func endpoint(
        _ place: Substring,
        _ text: String,
        _ module: ProbeModule
    ) throws(SyntaxError) -> (host: String, port: UInt16?) {
        let host: Substring
        var rest: Substring
        if place.hasPrefix("["), let end = place.firstIndex(of: "]") {
            host = place[place.index(after: place.startIndex)..<end]
            rest = place[place.index(after: end)...]
            guard SocketAddress.isAddress(String(host.prefix { $0 != "%" }), of: SocketAddress.ipv6) else {
                throw refused(text, "its brackets do not hold an IPv6 address", module)
            }
        } else {
            host = place.prefix { $0 != ":" }
            rest = place[host.endIndex...]
            guard !host.isEmpty, host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) })
            else { throw refused(text, "it has no valid host", module) }
        }
        if rest.isEmpty { return (String(host), nil) }
        guard rest.removeFirst() == ":" else { throw refused(text, "a colon and a port follow the host", module) }
        return (String(host), try port(rest, text, module))
    }

    private static func port(_ digits: Substring, _ text: String, _ module: ProbeModule) throws(SyntaxError) -> UInt16 {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
            throw refused(text, "after the colon there is no port number", module)
        }
        guard let port = UInt16(digits), port > 0 else {
            let shown = digits.count > 20 ? "\(digits.prefix(20))…" : String(digits)
            throw refused(text, "port \(shown) is not 1 to 65535", module)
        }
        return port
    }

    private static func refused(_ text: String, _ what: String, _ module: ProbeModule) -> SyntaxError {
        let right =
            switch module.kind {
            case .listen: "8080, 127.0.0.1:8080 or [::1]:8080"
            case .tcp: "db.example:5432 or [::1]:5432"
            case .http: "http://web-1:8080/health or https://[::1]/"
            }
        return SyntaxError(
            text: String(text.prefix(200)),
            reason: "\(what); expected one as \(right) for \(module.name)"
        )
    }

    private static func isAddress(_ text: String) -> Bool {
        SocketAddress.isAddress(text, of: SocketAddress.ipv4) || SocketAddress.isAddress(text, of: SocketAddress.ipv6)
    }

    /// The host if it is a numeric address.
    var numericHost: String? { host.flatMap { Self.isAddress($0) ? $0 : nil } }

    package static func == (left: Target, right: Target) -> Bool {
        left.name == right.name && left.module == right.module
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(module.name)
    }
}
