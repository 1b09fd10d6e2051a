/// What the kernel says to a program that asks for a port. An errno of 0 is success.
extension NetworkNamespace {
    /// Connects to a listener that `listen` opened, from a port that the kernel chooses; the
    /// connection stays open.
    /// - Returns: the errno.
    package func attemptConnection(to address: String = "127.0.0.1", port: Int) throws(NamespaceError) -> Int {
        try count("attempt \(address) \(port)")
    }

    /// Binds a port, listens on it, and closes it at once.
    /// - Returns: the errno.
    package func tryBinding(
        _ address: String,
        port: Int,
        v6only: Bool = false,
        reuseAddress: Bool
    ) throws(NamespaceError) -> Int {
        try count("try-bind \(address) \(port)" + (v6only ? " v6only" : "") + (reuseAddress ? " reuseaddr" : ""))
    }

    /// Makes a client that is connected to itself, until `resetConnections`.
    package func connectToItself(_ address: String = "127.0.0.1", port: Int) throws(NamespaceError) {
        try ask("connect-itself \(address) \(port)")
    }

    /// Binds a UDP socket, until `resetConnections`.
    package func bindDatagram(_ address: String, port: Int) throws(NamespaceError) {
        try ask("datagram \(address) \(port)")
    }

    /// Makes one TIME_WAIT of a client to each of many destinations in 10.0.0.0/8, which has to be
    /// local as a whole, by connections to a listener of this namespace on every address.
    ///
    /// - Parameter rate: at most so many a second.
    package func scatterTimeWaits(_ count: Int, port: Int, rate: Int = 1_000_000) throws(NamespaceError) {
        try ask("scatter \(count) \(port) \(rate)")
    }
}
