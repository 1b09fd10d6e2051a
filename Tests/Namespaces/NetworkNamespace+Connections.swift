/// Connections that stay open until they are told otherwise. The oldest ones are closed first.
extension NetworkNamespace {
    /// Opens connections to a listener of this namespace that `listen` opened, and accepts them.
    ///
    /// - Parameter reuseAddress: whether the client sets SO_REUSEADDR.
    package func openConnections(
        _ count: Int,
        to address: String = "127.0.0.1",
        port: Int,
        from source: String? = nil,
        sourcePort: Int? = nil,
        reuseAddress: Bool = false
    ) throws(NamespaceError) {
        let route = Self.route(address, port, source, sourcePort)
        try ask("connect \(count) " + route + (reuseAddress ? " reuseaddr" : ""))
    }

    /// Opens connections to anybody's listener, here or in another namespace. At a listener that
    /// `listen` opened they wait for `acceptConnections`.
    package func dialConnections(
        _ count: Int,
        to address: String = "127.0.0.1",
        port: Int,
        from source: String? = nil,
        sourcePort: Int? = nil
    ) throws(NamespaceError) {
        try ask("connect \(count) " + Self.route(address, port, source, sourcePort) + " noaccept")
    }

    /// Accepts connections that wait at a listener that `listen` opened.
    package func acceptConnections(_ count: Int, port: Int) throws(NamespaceError) {
        try ask("accept \(count) \(port)")
    }

    /// Closes connections of `openConnections`: each becomes a TIME_WAIT.
    package func closeConnections(_ count: Int, _ closer: Closer) throws(NamespaceError) {
        try ask("close \(count) \(closer.rawValue)")
    }

    /// Closes one end of connections of `openConnections`: it becomes an orphan FIN_WAIT2, and the
    /// other a CLOSE_WAIT.
    package func halfCloseConnections(_ count: Int, _ closer: Closer = .client) throws(NamespaceError) {
        try ask("half-close \(count) \(closer.rawValue)")
    }

    /// Closes the other ends of what `halfCloseConnections` left: each becomes a TIME_WAIT of who
    /// closed first.
    package func finishConnections(_ count: Int) throws(NamespaceError) {
        try ask("finish \(count)")
    }

    /// Resets all open and half-closed connections, of which nothing is left then.
    package func resetConnections() throws(NamespaceError) {
        try ask("reset")
    }
}
