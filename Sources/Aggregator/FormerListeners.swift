import Ports

/// Ports whose listener vanished while sockets that it had accepted are left: as long as one is, connect() passes the
/// port over for every destination, as it does a listener's (kernel: __inet_hash_connect(), the bucket keeps the
/// listener's mark).
///
/// Told by the port: no outgoing connection can take it before the last accepted socket is gone. One that takes it
/// within the same interval as the listener vanished looks the same from here.
struct FormerListeners: Sendable {
    private(set) var ports = PortSet()
    private var listeningBefore = PortSet()

    /// Takes in one reading.
    ///
    /// - Parameters:
    ///   - listening: the ports that somebody listens on.
    ///   - held: the ports that any other socket has.
    mutating func update(listening: PortSet, held: PortSet) {
        ports = ports.union(listeningBefore).subtracting(listening).intersection(held)
        listeningBefore = listening
    }
}
