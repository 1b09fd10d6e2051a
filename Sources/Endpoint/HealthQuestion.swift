import Glibc

/// Asks an endpoint, as another process, whether it is healthy.
package enum HealthQuestion {
    package enum Outcome: Equatable, Sendable {
        case status(Int)
        /// It ended the connection, or sent what is no HTTP.
        case noStatus
        case silence
        case noConnection(reason: String)
    }

    /// Asks for `/-/healthy`, in plain HTTP.
    ///
    /// - Parameter address: where the endpoint was told to listen; every address of the host means this host.
    /// - Parameter patience: how long it may take in all.
    package static func ask(at address: ListenAddress, within patience: Duration) -> Outcome {
        let end = MonotonicClock.now + patience
        var refused = "it has no address"
        do {
            for candidate in try ListenSocket.candidates(for: address) {
                // For connect() any address, [::] or 0.0.0.0, is this host.
                let descriptor = socket(candidate.family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
                defer { close(descriptor) }
                limit(descriptor, until: end)
                let code = unsafe candidate.withPointer { unsafe connect(descriptor, $0, $1) }
                if code == 0 { return ask(over: descriptor, at: address, until: end) }
                if errno == EINPROGRESS { return .silence }
                refused = errnoText(errno)
            }
        } catch {
            refused = "\(error)"
        }
        return .noConnection(reason: refused)
    }

    private static func ask(over descriptor: CInt, at address: ListenAddress, until end: Duration) -> Outcome {
        Connection.resetAtClose(descriptor)
        let request = Array("GET /-/healthy HTTP/1.1\r\nHost: localhost:\(address.port)\r\n\r\n".utf8)
        guard unsafe send(descriptor, request, request.count, CInt(MSG_NOSIGNAL)) == request.count else {
            return .noStatus
        }
        // "HTTP/1.1 200" is what has to come, in as many pieces as it likes.
        var line: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 512)
        while line.count < 13 {
            limit(descriptor, until: end)
            let count = unsafe recv(descriptor, &piece, piece.count, 0)
            if count < 0, errno == EAGAIN { return .silence }
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
