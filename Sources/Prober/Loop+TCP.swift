import Glibc
import System

// `tcp`: one kept connection, which is checked for life.
extension Loop {
    /// Checks the connection that is kept, or makes one.
    func check(_ probing: Probing, _ attempt: Probing.Attempt) {
        guard let kept = probing.kept else { return connect(probing, attempt) }
        let interval = Self.keepAliveSeconds(probing.module)
        switch Sockets.drain(kept, atMost: 64 * 1024) {
        case .open:
            guard let silence = Sockets.sinceLastAcknowledged(on: kept) else { break }
            guard silence <= .seconds(interval) + probing.module.connectTimeout else {
                probing.kept = nil
                Sockets.resetAtClose(kept)
                close(kept)
                let seconds = Int(silence / .seconds(1))
                return finish(probing, attempt, .failed(.timeout, "the peer has acknowledged nothing for \(seconds) s"))
            }
            var result = ProbeResult()
            result.isReuse = true
            return finish(probing, attempt, result)
        case .end, .failed: break
        }
        // A server may close what is idle. Whether it still takes connections is what counts.
        lose(kept, of: probing)
        connect(probing, attempt)
    }

    /// How often the kernel asks an idle peer, which is what the check looks at.
    private static func keepAliveSeconds(_ module: ProbeModule) -> Int {
        Int(min(max(1, module.interval / .seconds(1)), 30).rounded(.up))
    }

    func connect(_ probing: Probing, _ attempt: Probing.Attempt) {
        var attempt = attempt
        guard let address = attempt.address else {
            return finish(probing, attempt, .failed(.resolve, "the name has no address"))
        }
        var source: UInt16?
        if sourcePorts != nil {
            source = sourcePorts?.take(for: address.text, like: probing.sourcePort)
            guard source != nil else { return waitForPort(probing, attempt) }
        }
        attempt.connections += 1
        do throws(SystemError) {
            let descriptor = try Sockets.connecting(to: address, from: source)
            noteOpened()
            if let source {
                sources[descriptor] = Source(port: source, peer: address.text)
                probing.sourcePort = source
            }
            probing.enter(.connecting(attempt, descriptor))
            watch(descriptor, for: .writing, as: .connecting(probing))
            let limit = min(probing.module.connectTimeout, probing.module.timeout)
            timers.add(.deadline(probing, turn: probing.turn), at: attempt.begun + limit)
        } catch {
            if let source { sourcePorts?.release(source, of: address.text) }
            if error.call == "bind", error.errno == EACCES {
                let text = "port \(source ?? 0): \(errnoText(error.errno)): it takes CAP_NET_BIND_SERVICE"
                return finish(probing, attempt, .failed(.sourcePort, text))
            }
            failed(probing, attempt, errno: error.errno)
        }
    }

    /// A connection is there, or has failed.
    func connected(_ probing: Probing) {
        guard case .connecting(let attempt, let descriptor) = probing.phase else { return }
        unwatch(descriptor)
        if let errno = Sockets.failure(of: descriptor) {
            close(descriptor)
            return failed(probing, attempt, errno: errno)
        }
        var proving = attempt
        proving.connectedAt = now
        probing.address = attempt.address
        probing.connectedAt = now
        probing.enter(.proving(proving, descriptor))
        watch(descriptor, for: .reading, as: .young(probing))
        // Who ended the last connection early has to keep this one for longer.
        let wanted = probing.hasEndedEarly ? Probing.youth : Self.proof
        let end = min(now + wanted, attempt.begun + probing.module.timeout)
        timers.add(.proven(probing, turn: probing.turn), at: end)
    }

    /// For so long a new connection has to last for a success.
    private static let proof = Duration.milliseconds(20)

    /// A new connection has lasted long enough.
    func proven(_ probing: Probing) {
        guard case .proving(let attempt, let descriptor) = probing.phase else { return }
        probing.hasEndedEarly = false
        if probing.module.isKept {
            Sockets.keepAlive(descriptor, every: Self.keepAliveSeconds(probing.module))
            probing.kept = descriptor
            timers.add(.settled(probing), at: probing.connectedAt + Probing.youth)
        } else {
            conclude(descriptor, probing.module)
        }
        finish(probing, attempt, ProbeResult())
    }

    /// A young connection has sent something, or its peer has ended it.
    func heard(from probing: Probing) {
        if case .proving(let attempt, let descriptor) = probing.phase {
            let result: ProbeResult
            switch Sockets.drain(descriptor, atMost: 64 * 1024) {
            case .open: return
            case .end: result = .failed(.closed, "the peer closed the connection at once")
            case .failed(let errno): result = .failed(Self.reason(ofErrno: errno), errnoText(errno))
            }
            probing.hasEndedEarly = true
            close(descriptor)
            finish(probing, attempt, result)
        } else if let kept = probing.kept, Sockets.drain(kept, atMost: 64 * 1024) != .open {
            lose(kept, of: probing)
        }
    }

    /// The connection that is kept, if it has lasted, is read only by probes from now on.
    func settle(_ probing: Probing) {
        guard let kept = probing.kept, now - probing.connectedAt >= Probing.youth else { return }
        unwatch(kept)
    }

    /// The peer has ended the connection that is kept.
    private func lose(_ kept: CInt, of probing: Probing) {
        if now - probing.connectedAt < Probing.youth { probing.hasEndedEarly = true }
        probing.kept = nil
        close(kept)
    }

    /// Goes on with another source port or the next address, or ends the probe.
    private func failed(_ probing: Probing, _ attempt: Probing.Attempt, errno: CInt) {
        if let next = next(after: attempt, errno: errno, probing) { return connect(probing, next) }
        finish(probing, attempt, .failed(Self.reason(ofErrno: errno), errnoText(errno)))
    }

    /// What is tried after an attempt to connect that failed; nil for nothing.
    func next(after attempt: Probing.Attempt, errno: CInt, _ probing: Probing) -> Probing.Attempt? {
        var attempt = attempt
        if sourcePorts != nil, errno == EADDRNOTAVAIL || errno == EADDRINUSE, attempt.portChanges < 3 {
            // A connection of before is not forgotten yet.
            attempt.portChanges += 1
            probing.sourcePort = nil
            return attempt
        }
        attempt.place += 1
        return attempt.address == nil ? nil : attempt
    }

    /// The reason in metrics for an errno of connect(), send() or recv().
    static func reason(ofErrno errno: CInt) -> ProbeResult.Reason {
        switch errno {
        case ECONNREFUSED: .refused
        case ENETUNREACH, EHOSTUNREACH, EACCES, EPERM, ENETDOWN, EHOSTDOWN: .unreachable
        case ETIMEDOUT: .connectTimeout
        case ECONNRESET, EPIPE: .reset
        case EADDRINUSE, EADDRNOTAVAIL: .sourcePort
        default: .other
        }
    }

    /// Ends the connections that are kept for a target.
    func endConnection(of probing: Probing) {
        if let kept = probing.kept { conclude(kept, probing.module) }
        probing.kept = nil
        probing.address = nil
        endIdleSockets(of: probing)
    }
}
