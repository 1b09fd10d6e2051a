/// The source ports that connections are bound to, each used at most once at a time for each
/// target: until its connection has ended on both sides, the kernel could take a new one for the
/// old.
struct SourcePorts {
    private let range: ClosedRange<UInt16>
    private var used: [String: Set<UInt16>] = [:]
    private var next: UInt16

    init(_ range: ClosedRange<UInt16>) {
        self.range = range
        next = range.lowerBound
    }

    /// A port for a connection to a peer; nil where all are in use towards that peer.
    ///
    /// - Parameters:
    ///   - peer: address and port of the peer.
    ///   - wanted: the port of the connection before, which is given again where it is free: its
    ///     TIME_WAIT is then replaced, and no other is added.
    mutating func take(for peer: String, like wanted: UInt16?) -> UInt16? {
        let ofPeer = used[peer, default: []]
        if let wanted, range.contains(wanted), !ofPeer.contains(wanted) {
            used[peer, default: []].insert(wanted)
            return wanted
        }
        for _ in range {
            let port = next
            next = next == range.upperBound ? range.lowerBound : next + 1
            if !ofPeer.contains(port) {
                used[peer, default: []].insert(port)
                return port
            }
        }
        return nil
    }

    /// Takes this very port; false where it is in use towards the peer.
    mutating func take(_ port: UInt16, for peer: String) -> Bool { used[peer, default: []].insert(port).inserted }

    /// Gives a port back, whose connection has ended.
    mutating func release(_ port: UInt16, of peer: String) {
        used[peer]?.remove(port)
        if used[peer]?.isEmpty == true { used[peer] = nil }
    }
}
