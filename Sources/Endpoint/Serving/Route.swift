/// What the target of a request asks for.
enum Route: Equatable {
    case page
    case landing
    /// A page on demand, by its place in the settings.
    case onDemand(Int)
    /// A question, by its place in the settings.
    case question(Int)
    case healthy
    case ready
    /// A path of ours with empty or dotted parts, and the path without them.
    case elsewhere(String)
    /// `*`, the server as a whole.
    case everything
    /// A path where nothing is.
    case nothing
    /// Neither a path nor a URI.
    case malformed

    /// The route of a target without its query.
    ///
    /// - Parameters:
    ///   - pages: the pages on demand.
    ///   - questions: the paths whose answers depend on their queries.
    init(
        _ target: String,
        telemetryPath: TelemetryPath,
        onDemand pages: [Endpoint.OnDemandPage],
        questions: [Endpoint.Question] = []
    ) {
        if target == "*" {
            self = .everything
            return
        }
        guard let path = Self.path(of: target) else {
            self = .malformed
            return
        }
        func known(_ path: String) -> Route? {
            if path == telemetryPath.text { return .page }
            if let place = pages.firstIndex(where: { $0.path == path }) { return .onDemand(place) }
            if let place = questions.firstIndex(where: { $0.path == path }) { return .question(place) }
            return path == "/" ? .landing : Self.ofProbe(path)
        }
        let clean = Self.cleaned(path)
        self = known(path) ?? (clean != path && known(clean) != nil ? .elsewhere(clean) : .nothing)
    }

    /// Whether it is one of the two paths that orchestrators ask.
    var isProbe: Bool { self == .healthy || self == .ready }

    /// The two paths that orchestrators ask, and that are the same in every exporter.
    static func ofProbe(_ path: String) -> Route? {
        switch path {
        case "/-/healthy": .healthy
        case "/-/ready": .ready
        default: nil
        }
    }

    /// The path in a target, which may be a whole URI (RFC 9112, 3.2.2); nil where there is none.
    private static func path(of target: String) -> String? {
        if target.hasPrefix("/") { return target }
        let scheme = target.prefix { $0 != ":" }
        guard ["http", "https"].contains(scheme.lowercased()), target.dropFirst(scheme.count).hasPrefix("://") else {
            return nil
        }
        let path = String(target.dropFirst(scheme.count + 3).drop { $0 != "/" })
        return path.isEmpty ? "/" : path
    }

    /// A path without empty parts, `.` and `..`, as the servers written in Go redirect to it.
    static func cleaned(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/") + (path.hasSuffix("/") && !parts.isEmpty ? "/" : "")
    }
}

/// The path under which the page is found, such as `/metrics`.
package struct TelemetryPath: Equatable, Sendable {
    /// The path with its slash, as it comes in a request after percent-decoding.
    package let text: String

    /// Reads what an operator wrote: a slash, and after it neither white space nor `?`, `#` or `%`,
    /// nor an empty part, `.` or `..`.
    ///
    /// `/` is allowed: the page then takes the place of the landing page.
    ///
    /// - Throws: what is wrong with the text, and what would be right.
    package init(_ text: String) throws(Endpoint.SyntaxError) {
        guard text.hasPrefix("/") else {
            throw Endpoint.SyntaxError(text: text, reason: "a path begins with a slash, as in /metrics")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"?#%".utf8.contains($0) }) else {
            throw Endpoint.SyntaxError(
                text: text,
                reason: "a path has neither white space nor ?, # or %, as in /metrics"
            )
        }
        // A request for such a path would be sent to another one.
        guard Route.cleaned(text) == text else {
            throw Endpoint.SyntaxError(text: text, reason: "a path has no empty part, . or .., as in /metrics")
        }
        guard Route.ofProbe(text) == nil else {
            throw Endpoint.SyntaxError(text: text, reason: "the path is taken; write another, as /metrics")
        }
        self.text = text
    }
}
