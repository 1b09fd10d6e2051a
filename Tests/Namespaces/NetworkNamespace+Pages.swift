/// Scrapes from inside the namespace.
extension NetworkNamespace {
    /// What a server answered.
    package struct Page: Sendable {
        /// The HTTP status.
        package let status: Int
        /// The Content-Type, empty if there was none.
        package let contentType: String
        /// The body.
        package let body: [UInt8]

        /// The body as text.
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// Gets a page over HTTP, without a TIME_WAIT: one connection is kept for each address and
    /// port. It is two ESTABLISHED sockets.
    package func get(
        _ path: String,
        from address: String = "127.0.0.1",
        port: Int,
        accept: String = ""
    ) throws(NamespaceError) -> Page {
        let (words, body) = try askForPage("get \(address) \(port) \(path) \(accept)")
        return Page(status: Int(words[0]) ?? 0, contentType: String(words[2]), body: body)
    }

    /// Closes the connection that `get` kept. This end closes first, and is left in TIME_WAIT.
    package func disconnect(from address: String = "127.0.0.1", port: Int) throws(NamespaceError) {
        try ask("disconnect \(address) \(port)")
    }
}
