import CGnuTLS
import Glibc
import WebConfiguration

/// Asks an endpoint, as another process, whether it is healthy.
package enum HealthQuestion {
    /// What came of it.
    package enum Outcome: Equatable, Sendable {
        /// It answered with this status.
        case status(Int)
        /// It ended the connection, or sent what is no HTTP.
        case noStatus
        /// Nothing came in time.
        case silence
        /// There is no connection to be had, for this reason.
        case noConnection(reason: String)
    }

    /// Asks for `/-/healthy`, over TLS where the endpoint's configuration file has it: whoever the endpoint's certificate
    /// is for, and without one of its own.
    ///
    /// - Parameter address: where the endpoint was told to listen; every address of the host means this host.
    /// - Parameter configuration: the endpoint's configuration file; nil where it has none.
    /// - Parameter patience: how long it may take in all.
    package static func ask(at address: ListenAddress, configuration: String?, within patience: Duration) -> Outcome {
        let end = MonotonicClock.now + patience
        let overTLS = configuration.map(hasTLS) ?? false
        let candidates: [SocketAddress]
        do {
            candidates = try ListenSocket.candidates(for: address)
        } catch {
            return .noConnection(reason: "\(error)")
        }
        var refused = "it has no address"
        for candidate in candidates {
            // For connect() any address, [::] or 0.0.0.0, is this host.
            let descriptor = socket(candidate.family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
            defer { close(descriptor) }
            limit(descriptor, until: end)
            if candidate.connect(descriptor) == 0 {
                return ask(over: descriptor, at: address, overTLS: overTLS, until: end)
            }
            if errno == EINPROGRESS { return .silence }
            refused = errnoText(errno)
        }
        return .noConnection(reason: refused)
    }

    /// Where the file cannot be used, what is in force is not known.
    private static func hasTLS(_ path: String) -> Bool {
        (try? WebConfiguration(path: path, text: FileContent.read(path)))?.tls != nil
    }

    private static func ask(over descriptor: CInt, at address: ListenAddress, overTLS: Bool, until end: Duration)
        -> Outcome
    {
        // Closed with a reset, the connection leaves no TIME_WAIT: neither end shall count the question.
        var reset = linger(l_onoff: 1, l_linger: 0)
        // The kernel reads as many bytes as it is told that there are.
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
        let request = Array("GET /-/healthy HTTP/1.1\r\nHost: localhost:\(address.port)\r\n\r\n".utf8)
        guard overTLS else {
            let sent = unsafe request.withUnsafeBytes { bytes in
                unsafe send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
            }
            return unsafe sent == request.count ? answer(over: descriptor, nil, until: end) : .noStatus
        }
        guard let credentials = unsafe TrialHandshake.credentials() else { return .noStatus }
        defer { unsafe gnutls_certificate_free_credentials(credentials) }
        guard let session = unsafe TrialHandshake.session(GNUTLS_CLIENT, descriptor, nil, credentials) else {
            return .noStatus
        }
        defer { unsafe gnutls_deinit(session) }
        // A call that waits for as long as the socket may is GNUTLS_E_AGAIN.
        let state = unsafe gnutls_handshake(session)
        guard state == 0 else { return state == GNUTLS_E_AGAIN ? .silence : .noStatus }
        let sent = unsafe request.withUnsafeBytes { bytes in
            unsafe gnutls_record_send(session, bytes.baseAddress, bytes.count)
        }
        return sent == request.count ? unsafe answer(over: descriptor, session, until: end) : .noStatus
    }

    /// "HTTP/1.1 200" is what has to come, in as many pieces as it likes.
    private static func answer(over descriptor: CInt, _ session: gnutls_session_t?, until end: Duration) -> Outcome {
        var line: [UInt8] = []
        while line.count < 13 {
            var piece = [UInt8](repeating: 0, count: 512)
            limit(descriptor, until: end)
            let (count, isSilent) = unsafe piece.withUnsafeMutableBytes { bytes in
                guard let session = unsafe session else {
                    let count = unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
                    return (count, count < 0 && errno == EAGAIN)
                }
                let count = unsafe gnutls_record_recv(session, bytes.baseAddress, bytes.count)
                return (count, count == Int(GNUTLS_E_AGAIN))
            }
            // Over TLS a message that is none of HTTP, such as a ticket, comes out as nothing, too.
            if unsafe isSilent && session != nil && MonotonicClock.now < end { continue }
            if isSilent { return .silence }
            if count <= 0 { return .noStatus }
            line += piece.prefix(count)
        }
        return statusCode(of: line).map(Outcome.status) ?? .noStatus
    }

    private static func statusCode(of line: [UInt8]) -> Int? {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count > 1, words[0].starts(with: "HTTP/1.".utf8) else { return nil }
        return Int(String(decoding: words[1].prefix(3), as: UTF8.self))
    }

    /// Lets no later call on the socket last beyond a moment; the least that can be said is a microsecond, since 0 is for ever.
    private static func limit(_ descriptor: CInt, until end: Duration) {
        let (seconds, attoseconds) = max(end - MonotonicClock.now, .microseconds(1)).components
        var time = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            // The kernel reads as many bytes as it is told that there are.
            unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }
}
