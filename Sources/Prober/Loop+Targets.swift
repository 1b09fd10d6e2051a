import System

/// Which targets are probed, by plan and on request.
extension Loop {
    /// For so long a target of a request is kept.
    private static let memory = Duration.seconds(600)
    /// The most targets of requests that are kept.
    private static let mostAsked = 1_000

    func replace(_ targets: [Target]) {
        var rest = probings
        probings = [:]
        var order: [Target] = []
        for target in targets where probings[target] == nil {
            order.append(target)
            if let probing = rest.removeValue(forKey: target) {
                probings[target] = probing
                continue
            }
            let probing = Probing(target)
            let schedule = Schedule(target.module, from: now, using: &random)
            probing.schedule = schedule
            probings[target] = probing
            timers.add(.due(probing, turn: probing.turn), at: schedule.due)
        }
        for probing in rest.values { end(probing) }
        names.keep(only: Set([Probing](probings.values).compactMap(\.name) + asked.values.compactMap(\.name)))
        board.replace(order)
    }

    /// Probes on request: the target that is probed anyway, or one of its own.
    func probe(_ target: Target, _ completion: @escaping @Sendable (ProbeResult) -> Void) {
        guard !isStopping else { return completion(.failed(.other, "the prober is stopping")) }
        let known = probings[target] ?? asked[target]
        guard known != nil || asked.count < Self.mostAsked else {
            return completion(.failed(.connectionLimit, "over \(Self.mostAsked) targets were asked for lately"))
        }
        let probing = known ?? Probing(target)
        if known == nil { asked[target] = probing }
        probing.askedAt = now
        probing.completions.append(completion)
        if case .idle = probing.phase { begin(probing) }
    }

    func tidyUp() {
        for (target, probing) in asked {
            guard case .idle = probing.phase, now - probing.askedAt > Self.memory else { continue }
            asked[target] = nil
            end(probing)
        }
        timers.add(.tidyUp, at: now + .seconds(60))
    }

    /// Ends a target's probe and connections.
    func end(_ probing: Probing) {
        switch probing.phase {
        case .connecting(_, let descriptor): close(descriptor)
        case .proving(_, let descriptor): conclude(descriptor, probing.module)
        case .transferring: if let transfer = probing.transfer { http?.abort(transfer) }
        case .idle, .resolving, .waiting, .ended: break
        }
        probing.enter(.ended)
        for completion in probing.completions { completion(.failed(.other, "the target is probed no more")) }
        probing.completions = []
        endConnection(of: probing)
        if let transfer = probing.transfer { ended.append(transfer) }
        probing.transfer = nil
    }
}
