import Model

/// Counts the peers of service ports, in bounded memory: see `BoundedTable`.
struct Peers: Sendable {
    private struct Peer: TableKey {
        let port: Port
        let address: IPAddress

        func isSame(as other: Peer) -> Bool { self == other }

        func hash(_ seed: HashSeed) -> UInt64 { seed.mix(seed.mix(address.low, address.high), UInt64(port)) }
    }

    private let limit: Int
    private var chosen: Set<Peer> = []
    private var table = BoundedTable<Peer>()
    private var counts: [Int] = []

    /// - Parameter limit: how many peers of each port get a line; 0 for none.
    init(limit: Int) {
        self.limit = limit
    }

    /// Starts a reading. What had a line has its place from the start, and so an exact count.
    mutating func begin() {
        guard limit > 0 else { return }
        table.removeAll()
        for peer in chosen { _ = table.place(of: peer) }
        counts = [Int](repeating: 0, count: chosen.count)
    }

    /// Counts a socket of the service on a port.
    mutating func note(_ address: IPAddress, of port: Port) {
        guard limit > 0 else { return }
        let (place, uncounted) = table.place(of: Peer(port: port, address: address))
        guard let place else { return }
        if place == counts.count { counts.append(uncounted) }
        counts[place] += 1
    }

    /// Ends the reading.
    ///
    /// - Parameter ports: the ports whose peers are asked for.
    /// - Returns: the peers with the most sockets of each port. One that had a line keeps it as
    ///   long as it has sockets.
    mutating func finish(_ ports: [Port]) -> [PeerLine] {
        guard limit > 0 else { return [] }
        let present = counts.indices.filter { counts[$0] > 0 }
        let byPort = Dictionary(grouping: present) { table.keys[$0].port }
        var lines: [PeerLine] = []
        var kept: Set<Peer> = []
        for port in ports {
            let ranked = (byPort[port] ?? []).sorted { rank($0) < rank($1) }.prefix(limit)
            kept.formUnion(ranked.map { table.keys[$0] })
            lines += ranked.map { PeerLine(port: port, address: table.keys[$0].address, sockets: counts[$0]) }
                .sorted { $0.address < $1.address }
        }
        chosen = kept
        return lines
    }

    private func rank(_ place: Int) -> (Int, Int, IPAddress) {
        (chosen.contains(table.keys[place]) ? 0 : 1, -counts[place], table.keys[place].address)
    }
}
