/// The path under which the page is found, such as `/metrics`.
package struct TelemetryPath: Equatable, Sendable {
    /// The path with its slash, as it comes in a request after percent-decoding.
    package let text: String

    /// Reads what an operator wrote: a slash, and after it neither white space nor `?`, `#` or `%`, nor an empty part, `.` or
    /// `..`.
    ///
    /// `/` stands for itself: the page then takes the place of the landing page.
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
