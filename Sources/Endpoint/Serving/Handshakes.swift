import CGnuTLS
import System

/// How far a TLS handshake is.
enum Handshake: Equatable {
    /// No ClientHello has come yet.
    case silent
    /// The ClientHello has come, and was not answered yet.
    case helloReceived
    /// Our part of the handshake is out.
    case answered
    /// The client's certificate was refused, for this reason.
    case refused(String)
    case complete

    /// Why a handshake failed.
    enum Failure: String, CaseIterable {
        /// What came is no ClientHello, such as plain HTTP.
        case noClientHello = "no_client_hello"
        /// The client has no version, cipher suite or group in common with us.
        case nothingInCommon = "nothing_in_common"
        /// The client ended it, for example because it does not trust our certificate.
        case clientLeft = "client_left"
        /// We ended it because of the client's certificate.
        case clientCertificate = "client_certificate"
        case timeout
    }

    /// Why it failed, where the connection ends like this; nil where it did not, or where the
    /// client only looked whether the port is open.
    ///
    /// - Parameter isLate: whether the time for it is over.
    func failure(of descriptor: CInt, isLate: Bool) -> (Failure, detail: String)? {
        switch self {
        case .silent where isLate, .helloReceived where isLate, .answered where isLate:
            (.timeout, "it took too long")
        case .silent:
            Connection.hasReceived(descriptor)
                ? (.noClientHello, "the first bytes are not a TLS ClientHello; plain HTTP is not served here") : nil
        case .helloReceived: (.nothingInCommon, "no TLS version, cipher suite or group in common")
        case .answered: (.clientLeft, "the client ended it; it may not trust the certificate")
        case .refused(let reason): (.clientCertificate, reason)
        case .complete: nil
        }
    }
}

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

    /// How many wait at most: of the network with the most of them, the last is reset for each
    /// further one.
    private static let limit = 32
    /// A trial handshake has the cheapest curve, which a client need not take.
    private static let leastCost = Duration.milliseconds(1)

    private var places: [Place] = []
    /// The handshakes that each network has begun in the last seconds; half as many after each
    /// five.
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

    /// The connection that is served next.
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

    /// Ends connections that have waited longer than the limit, and those that their client has
    /// left.
    mutating func dropEach(after limit: Duration) {
        let now = SystemClock.monotonic.now
        for index in places.indices.reversed() {
            let age = now - places[index].since
            // Who was let in at once may leave when it likes: what it sent still says why its
            // handshake failed.
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

/// A TLS handshake between two sessions of this process, over a pair of sockets.
enum TrialHandshake {
    /// Lets a client shake hands with a server, with the same priorities.
    ///
    /// - Parameter cost: the CPU time that the server takes is added here.
    /// - Returns: 0, or the error of GnuTLS with which it failed.
    static func run(
        _ priorities: gnutls_priority_t,
        _ credentials: gnutls_certificate_credentials_t,
        cost: inout Duration
    ) -> CInt {
        guard let ends = try? Sockets.pair() else { return GNUTLS_E_PUSH_ERROR }
        defer {
            Sockets.close(ends.0)
            Sockets.close(ends.1)
        }
        let own = unsafe emptyCredentials()
        defer { unsafe gnutls_certificate_free_credentials(own) }
        guard let server = unsafe session(GNUTLS_SERVER, ends.0, priorities, credentials),
            let client = unsafe session(GNUTLS_CLIENT, ends.1, priorities, own)
        else { return GNUTLS_E_MEMORY_ERROR }
        defer {
            unsafe gnutls_deinit(client)
            unsafe gnutls_deinit(server)
        }
        // Neither waits: what one has sent the other finds at its next turn. A handshake has four
        // messages at most.
        var states = (client: GNUTLS_E_AGAIN, server: GNUTLS_E_AGAIN)
        for _ in 0..<16 {
            if isOpen(states.client) { states.client = unsafe gnutls_handshake(client) }
            let begun = SystemClock.threadCPU.now
            if isOpen(states.server) { states.server = unsafe gnutls_handshake(server) }
            cost += SystemClock.threadCPU.now - begun
            if !isOpen(states.server), states.server != 0 { return states.server }
            if !isOpen(states.client), states.client != 0 { return states.client }
            if states.client == 0, states.server == 0 { return 0 }
        }
        return GNUTLS_E_TIMEDOUT
    }

    private static func isOpen(_ state: CInt) -> Bool {
        [GNUTLS_E_AGAIN, GNUTLS_E_INTERRUPTED, GNUTLS_E_WARNING_ALERT_RECEIVED].contains(state)
    }

    /// - Parameter priorities: nil for those of GnuTLS.
    static func session(
        _ side: gnutls_init_flags_t,
        _ descriptor: CInt,
        _ priorities: gnutls_priority_t?,
        _ credentials: gnutls_certificate_credentials_t
    ) -> gnutls_session_t? {
        var made: gnutls_session_t?
        guard unsafe gnutls_init(&made, side.rawValue | GNUTLS_NONBLOCK.rawValue | GNUTLS_NO_SIGNAL.rawValue) == 0,
            let made = unsafe made
        else {
            return nil
        }
        // None of these fails with objects that are whole.
        if let priorities = unsafe priorities {
            unsafe gnutls_priority_set(made, priorities)
        } else {
            unsafe gnutls_set_default_priority(made)
        }
        unsafe gnutls_credentials_set(made, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials))
        unsafe gnutls_transport_set_int2(made, descriptor, descriptor)
        return unsafe made
    }
}
