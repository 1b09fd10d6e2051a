import KernelReaders
import Model
import System

/// The prober's loop: all probes, on one thread.
final class Loop {
    enum Timer {
        /// The next probe begins.
        case due(Probing, turn: Int)
        /// The phase has lasted too long.
        case deadline(Probing, turn: Int)
        /// No first byte has come.
        case firstByte(Probing, turn: Int)
        /// A source port may be free.
        case retry(Probing, turn: Int)
        /// A new connection of `tcp` has lasted.
        case proven(Probing, turn: Int)
        /// A connection of `tcp` that is kept is no longer young.
        case settled(Probing)
        /// The peer has not closed its side.
        case closing(CInt, number: UInt64)
        /// Targets of requests are looked at.
        case tidyUp
    }

    /// What a descriptor belongs to.
    enum Owner {
        case mailbox
        case connecting(Probing)
        /// A young connection of `tcp`.
        case young(Probing)
        case curl
        /// A connection that ends in an orderly way; the number distinguishes it from others that
        /// have had its descriptor.
        case closing(number: UInt64)
    }

    /// A source port in use, and towards whom.
    struct Source {
        let port: UInt16
        let peer: String
    }

    let settings: Prober.Settings
    private let mailbox: Mailbox
    let board: Board
    private let report: (Prober.Event) -> Void
    var queue: EventQueue
    var owners: [CInt: Owner] = [:]
    var timers = TimerQueue<Timer>()
    var probings: [Target: Probing] = [:]
    var asked: [Target: Probing] = [:]
    var names = KnownNames()
    private var resolver: Resolver?
    private var listeners: (rows: [SocketRow], at: Duration)?
    private var listenTable: ListenTable
    var random = SystemRandomNumberGenerator()
    var http: HTTPClient?
    /// When libcurl wants to be called; nil for never.
    var curlDue: Duration?
    /// Descriptors of libcurl's whose connections were taken away from it.
    var taken: Set<CInt> = []
    /// Transfers of targets that are probed no more.
    var ended: [Transfer] = []
    var sourcePorts: SourcePorts?
    /// Where each socket with a fixed source port comes from.
    var sources: [CInt: Source] = [:]
    /// Connections that are open or on their way.
    var open = 0
    var closings: UInt64 = 0
    var isStopping = false

    /// Whether libcurl was found.
    var hasHTTP: Bool { http != nil }

    init(
        _ settings: Prober.Settings,
        _ mailbox: Mailbox,
        _ board: Board,
        _ report: @escaping (Prober.Event) -> Void
    ) throws(SystemError) {
        self.settings = settings
        self.mailbox = mailbox
        self.board = board
        self.report = report
        // Without epoll_wait() it would try again without a pause.
        try EventQueue.check()
        queue = try EventQueue()
        listenTable = ListenTable(procfs: settings.procfs)
        sourcePorts = settings.sourcePorts.map(SourcePorts.init)
        try queue.watch(mailbox.descriptor, for: .reading)
        owners[mailbox.descriptor] = .mailbox
        resolver = Resolver { [mailbox] host, port, answer in
            mailbox.post(.resolved(KnownNames.Name(host: host, port: port), answer))
        }
        http = makeClient()
        timers.add(.tidyUp, at: now + .seconds(60))
    }

    var now: Duration { SystemClock.monotonic.now }

    /// Runs until a stop has been requested and all connections have ended.
    func run() {
        while !isStopping { turn() }
        for probing in [Probing](probings.values) + [Probing](asked.values) { end(probing) }
        resolver?.stop()
        http?.close()
        http = nil
        // The connections that end orderly have a deadline each.
        while owners.values.contains(where: { if case .closing = $0 { true } else { false } }) { turn() }
    }

    private func turn() {
        let due = [timers.next, curlDue].compactMap { $0 }.min()
        for event in queue.wait(atMost: due.map { max(.zero, $0 - now) }) { handle(event) }
        while let timer = timers.take(until: now) { handle(timer) }
        if let due = curlDue, due <= now {
            curlDue = nil
            http?.act()
        }
        finishTransfers()
        forgetEnded()
    }

    private func handle(_ event: EventQueue.Event) {
        switch owners[event.descriptor] {
        case .mailbox: for command in mailbox.take() { handle(command) }
        case .connecting(let probing): connected(probing)
        case .young(let probing): heard(from: probing)
        case .curl: http?.act(on: event.descriptor, event.ready)
        case .closing: goOn(closing: event.descriptor)
        case nil: break
        }
    }

    private func handle(_ timer: Timer) {
        switch timer {
        case .due(let probing, let turn):
            if probing.turn == turn { begin(probing) }
        case .deadline(let probing, let turn):
            if probing.turn == turn { expire(probing) }
        case .firstByte(let probing, let turn):
            if probing.turn == turn { checkFirstByte(of: probing) }
        case .retry(let probing, let turn):
            if probing.turn == turn { retry(probing) }
        case .proven(let probing, let turn):
            if probing.turn == turn { proven(probing) }
        case .settled(let probing):
            settle(probing)
        case .closing(let descriptor, let number):
            guard case .closing(number) = owners[descriptor] else { return }
            // The peer keeps its side open: without a reset the kernel would wait for it.
            Sockets.resetAtClose(descriptor)
            close(descriptor)
        case .tidyUp:
            tidyUp()
        }
    }

    private func handle(_ command: Command) {
        switch command {
        case .replace(let targets): replace(targets)
        case .probe(let target, let completion): probe(target, completion)
        case .resolved(let name, let answer):
            names.note(name, answer, at: now)
            for probing in [Probing](probings.values) + [Probing](asked.values) where probing.name == name {
                if case .resolving(let attempt) = probing.phase { resolve(probing, attempt) }
            }
        case .stop: isStopping = true
        }
    }

    // MARK: A probe, from its begin to its end

    func begin(_ probing: Probing) {
        let attempt = Probing.Attempt(begun: now)
        guard probing.module.kind != .listen else { return look(for: probing, attempt) }
        probing.enter(.resolving(attempt))
        resolve(probing, attempt)
    }

    /// Goes on with a probe when the addresses are known.
    private func resolve(_ probing: Probing, _ attempt: Probing.Attempt) {
        var attempt = attempt
        if let name = probing.name {
            let (answer, mustAsk) = names.look(up: name, at: now)
            if mustAsk { resolver?.ask(name.host, name.port) }
            switch answer {
            case .addresses(let addresses): attempt.addresses = addresses
            case .failed(let reason):
                return finish(probing, attempt, .failed(.resolve, "\(name.host): \(reason)"))
            case .unknown:
                let limit = min(probing.module.connectTimeout, probing.module.timeout)
                timers.add(.deadline(probing, turn: probing.turn), at: attempt.begun + limit)
                return
            }
        } else {
            attempt.addresses = probing.address.map { [$0] } ?? numericAddress(of: probing.target)
        }
        // The address of the connection that is kept goes first, and no other may be used once the
        // name has changed.
        if let kept = probing.address, let place = attempt.addresses.firstIndex(where: { $0.text == kept.text }) {
            attempt.addresses.swapAt(0, place)
        } else {
            endConnection(of: probing)
        }
        let hasConnection = probing.kept != nil || !probing.sockets.isEmpty
        guard hasConnection || open < settings.connectionLimit else {
            let limit = "the limit of open connections is reached: --connections.limit=\(settings.connectionLimit)"
            return finish(probing, attempt, .failed(.connectionLimit, limit))
        }
        if probing.module.kind == .tcp { check(probing, attempt) } else { transfer(probing, attempt) }
    }

    private func numericAddress(of target: Target) -> [SocketAddress] {
        target.host.flatMap { SocketAddress.numeric($0, port: target.port) }.map { [$0] } ?? []
    }

    /// Looks for a LISTEN socket.
    private func look(for probing: Probing, _ attempt: Probing.Attempt) {
        let target = probing.target
        do throws(ReadError) {
            // Targets that are due at the same time share a reading.
            if listeners.map({ now - $0.at > .milliseconds(50) }) ?? true {
                listeners = (try listenTable.read(), now)
            }
            let address = target.host.flatMap { SocketAddress.numeric($0, port: target.port) }.flatMap(IPAddress.init)
            let isThere = listeners?.rows.accept(target.port, at: address) ?? false
            finish(probing, attempt, isThere ? ProbeResult() : .failed(.notListening, "no LISTEN socket takes it"))
        } catch {
            finish(probing, attempt, .failed(.kernelTable, "\(error)"))
        }
    }

    /// A phase has lasted too long.
    private func expire(_ probing: Probing) {
        switch probing.phase {
        case .resolving(let attempt):
            finish(probing, attempt, .failed(.resolve, "the look-up of the name takes too long"))
        case .connecting(let attempt, let descriptor):
            close(descriptor)
            finish(probing, attempt, .failed(.connectTimeout, "no connection in time"))
        case .idle, .waiting, .proving, .transferring, .ended: break
        }
    }

    /// No source port is free towards the target: its connections of before have not ended yet.
    /// Tries again soon, until the time to connect is over.
    func waitForPort(_ probing: Probing, _ attempt: Probing.Attempt) {
        guard now - attempt.begun < min(probing.module.connectTimeout, probing.module.timeout) else {
            return finish(probing, attempt, .failed(.sourcePort, "all source ports are in use towards this target"))
        }
        probing.enter(.waiting(attempt))
        timers.add(.retry(probing, turn: probing.turn), at: now + .milliseconds(5))
    }

    private func retry(_ probing: Probing) {
        guard case .waiting(let attempt) = probing.phase else { return }
        if probing.module.kind == .tcp { connect(probing, attempt) } else { transfer(probing, attempt) }
    }

    /// Ends a probe, and plans the next one.
    func finish(_ probing: Probing, _ attempt: Probing.Attempt, _ result: ProbeResult) {
        let now = now
        var result = result
        // A connection that lasted is as old as it is; the time until it was there is the probe's.
        result.duration = (result.isSuccess ? attempt.connectedAt ?? now : now) - attempt.begun
        result.connections = attempt.connections
        probing.enter(.idle)
        var missed: UInt64 = 0
        if var schedule = probing.schedule {
            // A probe on request may end before the next one is due.
            if schedule.due <= now {
                missed = schedule.finish(isSuccess: result.isSuccess, at: now, using: &random)
                probing.schedule = schedule
            }
            timers.add(.due(probing, turn: probing.turn), at: schedule.due)
            board.note(result, of: probing.target, missed: missed)
            if probing.reported.isNews(result.isSuccess, at: now) {
                report(result.isSuccess ? .recovered(probing.target) : .failed(probing.target, result))
            }
        }
        board.note(openConnections: open)
        let completions = probing.completions
        probing.completions = []
        for completion in completions { completion(result) }
    }
}

extension IPAddress {
    /// The address of a socket; nil for another family than IPv4 and IPv6.
    fileprivate init?(_ address: SocketAddress) {
        guard let bytes = address.numbers?.address else { return nil }
        let number = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        self =
            bytes.count == 4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: number))
            : IPAddress(high: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number))
    }
}
