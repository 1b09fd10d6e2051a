/// Listeners, and ports that are only bound.
extension NetworkNamespace {
    /// How a socket is bound.
    package struct Binding: Sendable {
        /// Whether `::` takes IPv6 only.
        package var v6only = false
        /// Whether SO_REUSEPORT is set.
        package var reusePort = false
        /// Whether SO_REUSEADDR is set.
        package var reuseAddress = true
        /// How many connections may wait for accept(), less one; nil for 4,096. Only for listeners.
        package var backlog: Int?

        /// A binding like most services have it, but for what is said.
        package init(v6only: Bool = false, reusePort: Bool = false, reuseAddress: Bool = true, backlog: Int? = nil) {
            self.v6only = v6only
            self.reusePort = reusePort
            self.reuseAddress = reuseAddress
            self.backlog = backlog
        }

        /// The agent's words for it.
        var words: String {
            (v6only ? " v6only" : "") + (reusePort ? " reuseport" : "") + (reuseAddress ? "" : " noreuseaddr")
                + (backlog.map { " backlog \($0)" } ?? "")
        }
    }

    /// Listens until `unlisten`; port 0 leaves the choice to the kernel.
    /// - Returns: the port.
    @discardableResult
    package func listen(
        _ address: String = "127.0.0.1",
        port: Int = 0,
        _ binding: Binding = Binding()
    ) throws(NamespaceError) -> Int {
        try count("listen \(address) \(port)" + binding.words)
    }

    /// Binds a port without listening on it, until `unlisten`.
    /// - Returns: the port.
    @discardableResult
    package func bind(
        _ address: String = "127.0.0.1",
        port: Int = 0,
        _ binding: Binding = Binding()
    ) throws(NamespaceError) -> Int {
        try count("bind \(address) \(port)" + binding.words)
    }

    /// Closes what `listen` and `bind` opened on an address and port.
    package func unlisten(_ address: String = "127.0.0.1", port: Int) throws(NamespaceError) {
        try ask("unlisten \(address) \(port)")
    }

    /// Waits until a program of the namespace listens on a port, at exactly this address or, with
    /// `*`, at any. It looks into the table and connects to nobody, so that no socket is added.
    package func waitForListener(
        _ address: String = "*",
        port: Int,
        timeout: Duration = .seconds(10)
    ) throws(NamespaceError) {
        let milliseconds = Int(timeout / .milliseconds(1))
        try ask("wait-port \(address) \(port) \(milliseconds)")
    }
}
