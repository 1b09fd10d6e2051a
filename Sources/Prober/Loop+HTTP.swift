import CCurl
import Glibc
import System

// `http`: requests over connections that libcurl keeps.
extension Loop {
    func makeClient() -> HTTPClient? {
        HTTPClient(
            connections: settings.connectionLimit,
            HTTPClient.Hooks(
                watch: { [unowned self] socket, interest in
                    if let interest { watch(socket, for: interest, as: .curl) } else { unwatch(socket) }
                },
                setTimer: { [unowned self] time in
                    curlDue = time.map { now + $0 }
                },
                opened: { [unowned self] transfer, socket in opened(transfer, socket) },
                closing: { [unowned self] transfer, socket in closing(transfer, socket) }
            )
        )
    }

    /// Sends the request.
    func transfer(_ probing: Probing, _ attempt: Probing.Attempt) {
        guard let http, let transfer = transfer(of: probing, http) else {
            return finish(probing, attempt, .failed(.noLibcurl, "libcurl is missing: apt install libcurl4"))
        }
        guard let address = attempt.address else {
            return finish(probing, attempt, .failed(.resolve, "the name has no address"))
        }
        var source: UInt16 = 0
        if sourcePorts != nil {
            guard let port = sourcePort(for: probing, address) else { return waitForPort(probing, attempt) }
            source = port
        }
        let module = probing.module
        probing.address = address
        probing.enter(.transferring(attempt))
        timers.add(.firstByte(probing, turn: probing.turn), at: now + module.firstByteTimeout)
        let left = max(.milliseconds(1), attempt.begun + module.timeout - now)
        let place = probing.isReachedByURL ? nil : address.text
        http.start(transfer, at: place, from: source, connect: min(module.connectTimeout, left), in: left)
    }

    private func transfer(of probing: Probing, _ http: HTTPClient) -> Transfer? {
        if let transfer = probing.transfer { return transfer }
        guard let request = probing.request else { return nil }
        let transfer = http.transfer(request)
        transfer?.probing = probing
        probing.transfer = transfer
        return transfer
    }

    /// The port to connect from: that of the connection that is kept, or one that is free.
    private func sourcePort(for probing: Probing, _ address: SocketAddress) -> UInt16? {
        let peer = address.text
        let alive = probing.sockets.first { Sockets.input(of: $0) == .nothing }
        if let port = alive.flatMap({ sources[$0]?.port }) { return port }
        // `opened()` takes it for good.
        guard let port = sourcePorts?.take(for: peer, like: probing.sourcePort) else { return nil }
        sourcePorts?.release(port, of: peer)
        probing.sourcePort = port
        return port
    }

    private func opened(_ transfer: Transfer, _ socket: CInt) -> Bool {
        noteOpened()
        guard let probing = transfer.probing else { return true }
        probing.sockets.insert(socket)
        guard sourcePorts != nil, let port = probing.sourcePort, let address = probing.address else { return true }
        try? Sockets.allowReuse(of: socket)
        // It is in use only where libcurl closes a connection and makes another at once; then the
        // kernel decides.
        if sourcePorts?.take(port, for: address.text) == true {
            sources[socket] = Source(port: port, peer: address.text)
        }
        return true
    }

    private func closing(_ transfer: Transfer, _ socket: CInt) {
        unwatch(socket)
        guard let probing = transfer.probing else { return close(socket) }
        probing.sockets.remove(socket)
        if taken.remove(socket) != nil {
            // The connection was taken away from libcurl; this is only its place.
            return Sockets.close(socket)
        }
        let isEstablished = Sockets.sinceLastAcknowledged(on: socket) != nil
        if isEstablished { conclude(socket, probing.module) } else { close(socket) }
    }

    /// Frees the transfers of targets that are probed no more, once libcurl has closed their
    /// sockets.
    func forgetEnded() {
        ended.removeAll { transfer in
            guard transfer.probing?.sockets.isEmpty ?? true else { return false }
            http?.forget(transfer)
            return true
        }
    }

    /// Ends the connections that libcurl keeps for a target. One that the transfer of another
    /// target at the same address uses now stays.
    func endIdleSockets(of probing: Probing) {
        for socket in probing.sockets where !isWatched(socket) && !taken.contains(socket) {
            // libcurl notices within a second that its descriptor is dead, and closes it.
            guard let connection = try? Sockets.takeOver(socket) else { continue }
            if let source = sources.removeValue(forKey: socket) { sources[connection] = source }
            taken.insert(socket)
            conclude(connection, probing.module)
        }
    }

    /// Takes in the transfers that have ended.
    func finishTransfers() {
        while let (transfer, ending) = http?.nextEnded() {
            guard let probing = transfer.probing, case .transferring(var attempt) = probing.phase else { continue }
            attempt.connections += ending.connections
            let isOfConnecting = [CCURL_COULDNT_CONNECT, CCURL_INTERFACE_FAILED].contains(ending.code)
            if isOfConnecting, now - attempt.begun < probing.module.timeout,
                let next = next(after: attempt, errno: ending.errno, probing)
            {
                self.transfer(probing, next)
                continue
            }
            finish(probing, attempt, result(of: transfer, ending, probing))
        }
    }

    private func result(of transfer: Transfer, _ ending: Transfer.Ending, _ probing: Probing) -> ProbeResult {
        guard case .http(let http) = probing.module.kind else { return ProbeResult() }
        var result = ProbeResult()
        if ending.code == CCURL_OK {
            if !http.status.contains(where: { $0.contains(ending.status) }) {
                result = .failed(.status, "status \(ending.status)")
            }
            result.status = ending.status
            result.isReuse = ending.connections == 0
            return result
        }
        if transfer.isTooLong { return .failed(.bodyTooLong, "the body has more than \(http.bodyLimit) bytes") }
        if transfer.isHeadTooLong {
            return .failed(.protocolError, "the head of the answer has more than \(Transfer.headLimit) bytes")
        }
        // libcurl says the former of a line of the head that is too long, up to version 8.5.
        if ending.isConnected, [CCURL_OUT_OF_MEMORY, CCURL_TOO_LARGE].contains(ending.code) {
            return .failed(.protocolError, "a line of the answer's head is too long")
        }
        let reason: ProbeResult.Reason =
            switch ending.code {
            case CCURL_COULDNT_RESOLVE_HOST: .resolve
            case CCURL_COULDNT_CONNECT: Self.reason(ofErrno: ending.errno)
            case CCURL_INTERFACE_FAILED: .sourcePort
            case CCURL_OPERATION_TIMEDOUT: ending.isConnected ? .timeout : .connectTimeout
            case CCURL_SSL_CONNECT_ERROR, CCURL_PEER_FAILED_VERIFICATION, CCURL_SSL_CACERT_BADFILE, CCURL_SSL_CIPHER:
                .tls
            case CCURL_GOT_NOTHING, CCURL_PARTIAL_FILE: .closed
            case CCURL_RECV_ERROR, CCURL_SEND_ERROR: .reset
            case CCURL_WEIRD_SERVER_REPLY, CCURL_UNSUPPORTED_PROTOCOL: .protocolError
            case CCURL_NO_CONNECTION_AVAILABLE: .connectionLimit
            default: .other
            }
        return .failed(reason, ending.errno == 0 ? ending.text : "\(ending.text): \(errnoText(ending.errno))")
    }

    /// The connection has been ready for a while, and nothing has come.
    func checkFirstByte(of probing: Probing) {
        guard case .transferring(var attempt) = probing.phase, let transfer = probing.transfer, let http,
            !transfer.hasFirstByte
        else { return }
        let ready = http.readyAfter(transfer)
        let limit = probing.module.firstByteTimeout
        guard let ready else {
            // Still connecting, which has a limit of its own.
            return timers.add(.firstByte(probing, turn: probing.turn), at: now + .milliseconds(100))
        }
        let waited = now - transfer.startedAt - ready
        guard waited >= limit else {
            return timers.add(.firstByte(probing, turn: probing.turn), at: now + limit - waited)
        }
        attempt.connections += http.connections(of: transfer)
        http.abort(transfer)
        finish(probing, attempt, .failed(.firstByteTimeout, "no byte of an answer in time"))
    }
}

extension Probing {
    /// Whether the host of the URL is the address to connect to.
    fileprivate var isReachedByURL: Bool {
        guard case .http(let http) = module.kind else { return true }
        return target.numericHost != nil && http.tls.serverName == nil
    }

    /// The request; nil for another module than `http`.
    fileprivate var request: Transfer.Request? {
        guard case .http(let http) = module.kind, let host = target.host else { return nil }
        let bracketed = host.contains(":") ? "[\(host)]" : host
        let scheme = target.isTLS ? "https" : "http"
        let name = target.isTLS ? http.tls.serverName : nil
        let isUsual = target.port == (target.isTLS ? 443 : 80)
        return Transfer.Request(
            url: "\(scheme)://\(name ?? bracketed):\(target.port)\(target.path)",
            hostHeader: name == nil ? nil : bracketed + (isUsual ? "" : ":\(target.port)"),
            http: http,
            isKept: module.isKept
        )
    }
}
