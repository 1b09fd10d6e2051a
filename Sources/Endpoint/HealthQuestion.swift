import CGnuTLS
import Glibc
import System
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

    /// Asks for `/-/healthy`, over TLS where the endpoint's configuration file has it: whoever the
    /// endpoint's certificate is for, and without one of its own.
    ///
    /// - Parameter address: where the endpoint listens; every address of the host means this host.
    /// - Parameter configuration: the endpoint's configuration file, if any.
    /// - Parameter patience: how long it may take in all.
    package static func ask(at address: ListenAddress, configuration: String?, within patience: Duration) -> Outcome {
        let end = SystemClock.monotonic.now + patience
        let overTLS = configuration.map(hasTLS) ?? false
        var refused = "it has no address"
        do {
            for candidate in try ListenSocket.candidates(for: address) {
                // For connect() any address, [::] or 0.0.0.0, is this host.
                do throws(SystemError) {
                    let socket = try Socket(family: candidate.family)
                    limit(socket, until: end)
                    try socket.connect(to: candidate)
                    return ask(over: socket, at: address, overTLS: overTLS, until: end)
                } catch {
                    if error.errno == EINPROGRESS { return .silence }
                    refused = error.reason
                }
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

    private static func ask(
        over socket: borrowing Socket,
        at address: ListenAddress,
        overTLS: Bool,
        until end: Duration
    )
        -> Outcome
    {
        Sockets.resetAtClose(socket.descriptor)
        let request = Array("GET /-/healthy HTTP/1.1\r\nHost: localhost:\(address.port)\r\n\r\n".utf8)
        guard overTLS else {
            return unsafe socket.send(request) ? answer(over: socket, nil, until: end) : .noStatus
        }
        let credentials = unsafe emptyCredentials()
        defer { unsafe gnutls_certificate_free_credentials(credentials) }
        guard let session = unsafe TrialHandshake.session(GNUTLS_CLIENT, socket.descriptor, nil, credentials) else {
            return .noStatus
        }
        defer { unsafe gnutls_deinit(session) }
        // A call that waits for as long as the socket may is GNUTLS_E_AGAIN.
        let state = unsafe gnutls_handshake(session)
        guard state == 0 else { return state == GNUTLS_E_AGAIN ? .silence : .noStatus }
        let sent = unsafe gnutls_record_send(session, request, request.count)
        return sent == request.count ? unsafe answer(over: socket, session, until: end) : .noStatus
    }

    /// Expects "HTTP/1.1 200", in any number of pieces.
    private static func answer(
        over socket: borrowing Socket,
        _ session: gnutls_session_t?,
        until end: Duration
    ) -> Outcome {
        var line: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 512)
        while line.count < 13 {
            limit(socket, until: end)
            let (count, isSilent): (Int, Bool)
            if let session = unsafe session {
                count = unsafe gnutls_record_recv(session, &piece, piece.count)
                isSilent = count == Int(GNUTLS_E_AGAIN)
                // A TLS message that is not data, such as a session ticket, yields no bytes either.
                if isSilent, SystemClock.monotonic.now < end { continue }
            } else {
                do throws(SystemError) {
                    (count, isSilent) = (try socket.receive(into: &piece), false)
                } catch {
                    (count, isSilent) = (-1, error.errno == EAGAIN)
                }
            }
            if isSilent { return .silence }
            if count <= 0 { return .noStatus }
            line += piece.prefix(count)
        }
        let status = String(decoding: line, as: UTF8.self).prefixMatch(of: /HTTP\/1\.[0-9] ([0-9]{3})/)
        return status.flatMap { Int($0.1) }.map(Outcome.status) ?? .noStatus
    }

    /// Lets no later call on the socket last beyond a moment.
    private static func limit(_ socket: borrowing Socket, until end: Duration) {
        socket.limitCalls(to: end - SystemClock.monotonic.now)
    }
}
