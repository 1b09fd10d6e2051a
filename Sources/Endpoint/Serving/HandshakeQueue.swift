import System

/// Accepted connections that wait for their TLS handshake.
///
/// A handshake takes a signature of the one thread that serves: 0.3 ms with an ECDSA key, tens with
/// an RSA key of 4,096 bits, so that a few dozen strangers a second would stop every scrape. So
/// handshakes begin at a rate at which they take half of that thread, none begins while it is
/// behind, and those of clients with the fewest in the last seconds go first.
struct HandshakeQueue {
    private struct Place {
        let descriptor: CInt
        let client: SocketAddress
        let since = SystemClock.monotonic.now
    }

    /// How many wait at most: of the network with the most of them, the last is reset for each further one.
    private static let limit = 32
    /// A trial handshake has the cheapest curve, which a client need not take.
    private static let leastCost = Duration.milliseconds(1)

    private var places: [Place] = []
    /// The handshakes that each network has begun in the last seconds; half as many after each five.
    private var begun: [[UInt8]: Double] = [:]
    private var fadesAt = SystemClock.monotonic.now
    private var cost = Duration.zero
    private var pace = RateLimiter(interval: .seconds(1), burst: 1)

    var count: Int { places.count }

    mutating func append(_ descriptor: CInt, of client: SocketAddress) {
        if places.count == Self.limit {
            let crowds = Dictionary(grouping: places.indices) { places[$0].client.network }
            if let last = crowds.values.max(by: { $0.count < $1.count })?.last { drop(last) }
        }
        places.append(Place(descriptor: descriptor, client: client))
    }

    /// Whether a handshake may begin now: if so it counts as begun.
    ///
    /// - Parameter cost: the time that one takes.
    /// - Returns: nil where it may; else the time until it may.
    mutating func wait(costing cost: Duration) -> Duration? {
        if self.cost != cost {
            let interval = max(cost, Self.leastCost) * 2
            pace = RateLimiter(interval: interval, burst: max(1, Int(Duration.milliseconds(250) / interval)))
            self.cost = cost
        }
        return pace.wait()
    }

    /// The connection whose turn it is, of those that wait.
    mutating func removeFirst() -> (descriptor: CInt, client: SocketAddress) {
        let now = SystemClock.monotonic.now
        if now >= fadesAt {
            begun = begun.mapValues { $0 / 2 }.filter { $0.value >= 1 }
            fadesAt = now + .seconds(5)
        }
        let counts = places.map { begun[$0.client.network] ?? 0 }
        let place = places.remove(at: counts.indices.min { counts[$0] < counts[$1] } ?? 0)
        begun[place.client.network, default: 0] += 1
        return (place.descriptor, place.client)
    }

    /// Ends those that have waited for so long, and those whose client has left.
    mutating func dropEach(after limit: Duration) {
        let now = SystemClock.monotonic.now
        for index in places.indices.reversed() {
            let age = now - places[index].since
            // Who was let in at once may leave when it likes: what it sent still says why its handshake failed.
            let hasLeft = age > .milliseconds(100) && Polling.gone(among: [places[index].descriptor]) > 0
            if age >= limit || hasLeft { drop(index) }
        }
    }

    private mutating func drop(_ index: Int) {
        let descriptor = places.remove(at: index).descriptor
        Connection.end(descriptor)
        Sockets.close(descriptor)
    }
}
