import CGnuTLS
import Glibc
import WebConfiguration

/// Asks an endpoint, as another process, whether it is healthy.
package enum HealthQuestion {
    package enum Outcome: Equatable, Sendable {
        case status(Int)
        /// It ended the connection, or sent what is no HTTP.
        case noStatus
        case silence
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
        var refused = "it has no address"
        do {
            for candidate in try ListenSocket.candidates(for: address) {
                // For connect() any address, [::] or 0.0.0.0, is this host.
                let descriptor = socket(candidate.family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
                defer { close(descriptor) }
                limit(descriptor, until: end)
                let code = unsafe candidate.withPointer { unsafe connect(descriptor, $0, $1) }
                if code == 0 { return ask(over: descriptor, at: address, overTLS: overTLS, until: end) }
                if errno == EINPROGRESS { return .silence }
                refused = errnoText(errno)
            }
        } catch {
            refused = "\(error)"
        }
        return .noConnection(reason: refused)
    }

    /// Where the file cannot be used, what is in force is not known.
    private static func hasTLS(_ path: String) -> Bool {
        let text = try? readSmallFile(path) { Problem(path, $0) }
        return text.flatMap { try? WebConfiguration(path: path, text: $0) }?.tls != nil
    }

    private static func ask(over descriptor: CInt, at address: ListenAddress, overTLS: Bool, until end: Duration)
        -> Outcome
    {
        Connection.resetAtClose(descriptor)
        let request = Array("GET /-/healthy HTTP/1.1\r\nHost: localhost:\(address.port)\r\n\r\n".utf8)
        guard overTLS else {
            let sent = unsafe send(descriptor, request, request.count, CInt(MSG_NOSIGNAL))
            return unsafe sent == request.count ? answer(over: descriptor, nil, until: end) : .noStatus
        }
        let credentials = unsafe emptyCredentials()
        defer { unsafe gnutls_certificate_free_credentials(credentials) }
        guard let session = unsafe TrialHandshake.session(GNUTLS_CLIENT, descriptor, nil, credentials) else {
            return .noStatus
        }
        defer { unsafe gnutls_deinit(session) }
        // A call that waits for as long as the socket may is GNUTLS_E_AGAIN.
        let state = unsafe gnutls_handshake(session)
        guard state == 0 else { return state == GNUTLS_E_AGAIN ? .silence : .noStatus }
        let sent = unsafe gnutls_record_send(session, request, request.count)
        return sent == request.count ? unsafe answer(over: descriptor, session, until: end) : .noStatus
    }

    /// "HTTP/1.1 200" is what has to come, in as many pieces as it likes.
    private static func answer(over descriptor: CInt, _ session: gnutls_session_t?, until end: Duration) -> Outcome {
        var line: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 512)
        while line.count < 13 {
            limit(descriptor, until: end)
            let (count, isSilent): (Int, Bool)
            if let session = unsafe session {
                count = unsafe gnutls_record_recv(session, &piece, piece.count)
                isSilent = count == Int(GNUTLS_E_AGAIN)
                // A message that is none of HTTP, such as a ticket, comes out as nothing, too.
                if isSilent, MonotonicClock.now < end { continue }
            } else {
                count = unsafe recv(descriptor, &piece, piece.count, 0)
                isSilent = count < 0 && errno == EAGAIN
            }
            if isSilent { return .silence }
            if count <= 0 { return .noStatus }
            line += piece.prefix(count)
        }
        let status = String(decoding: line, as: UTF8.self).prefixMatch(of: /HTTP\/1\.[0-9] ([0-9]{3})/)
        return status.flatMap { Int($0.1) }.map(Outcome.status) ?? .noStatus
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
