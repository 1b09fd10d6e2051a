/// TIME_WAITs in exact numbers. When a method returns they are all there, and no other socket is
/// left of their connections.
///
/// Source ports come from ip_local_port_range, those with the parity of its low end first, as
/// connect() chooses them, but in order from the low end, and none that would take a TIME_WAIT away
/// that was made before. With a source port the first connection binds it explicitly, and the next
/// ones the ports behind it.
extension NetworkNamespace {
    /// Makes TIME_WAITs by whole connections to a listener of this namespace that `listen` opened.
    package func makeTimeWaits(
        _ count: Int,
        _ closer: Closer,
        to address: String = "127.0.0.1",
        port: Int,
        from source: String? = nil,
        sourcePort: Int? = nil
    ) throws(NamespaceError) {
        try ask("make \(count) \(closer.rawValue) " + Self.route(address, port, source, sourcePort))
    }

    /// Makes TIME_WAITs by connections from this namespace to a listener of another one that
    /// `listen` opened there. They are left here if the client closes first, and there if the
    /// server does.
    package func makeTimeWaits(
        _ count: Int,
        _ closer: Closer,
        at server: NetworkNamespace,
        _ address: String,
        port: Int,
        from source: String? = nil,
        sourcePort: Int? = nil
    ) throws(NamespaceError) {
        try server.ask("serve \(count) \(closer.rawValue) \(port)") { () throws(NamespaceError) in
            try ask("dial \(count) \(closer.rawValue) " + Self.route(address, port, source, sourcePort))
        }
    }

    /// The agent's words for where a connection goes, and from where.
    static func route(_ address: String, _ port: Int, _ source: String?, _ sourcePort: Int?) -> String {
        "\(address) \(port)" + (source.map { " from \($0)" } ?? "") + (sourcePort.map { " port \($0)" } ?? "")
    }
}
