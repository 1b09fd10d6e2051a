import Synchronization
import System

/// Every connection of an endpoint, each in one explicit phase, behind one lock; and what was
/// counted of them.
///
/// libmicrohttpd's own timeouts count from the last byte, so that one byte every nine seconds would
/// keep a request alive forever. Here each phase has a deadline that no byte moves.
final class Connections: Sendable {
    private struct State {
        var entries: [CInt: Entry] = [:]
        var nextNumber: UInt64 = 0
        var answers: [StatusCode: UInt64] = [:]
        var failedHandshakes: [Handshake.Failure: UInt64] = [:]
    }

    private let settings: Endpoint.Settings
    private let state = Mutex(State())

    init(_ settings: Endpoint.Settings) { self.settings = settings }

    // MARK: Letting connections in

    /// Whether one more connection may be accepted. When nearly full, the one that has been idle
    /// longest is ended.
    func makeRoom() -> Bool {
        state.withLock { state in
            let enough = settings.connectionLimit - settings.connectionLimit / 8
            if state.entries.count < enough { return true }
            let closing = state.entries.values.count { if case .closing = $0.phase { true } else { false } }
            guard closing < Self.mostClosing else { return false }
            let open = state.entries.count - closing
            if open < enough { return true }
            let idle = state.entries.filter { $0.value.isIdle }.sorted { $0.value.since < $1.value.since }
            let now = SystemClock.monotonic.now
            for (descriptor, _) in idle.prefix(8) {
                // Unread bytes are the start of a request, too.
                if Connection.hasUnread(descriptor) || noteBegunRequest(on: descriptor, at: now, in: &state) {
                    continue
                }
                Self.end(descriptor, in: &state)
                return true
            }
            return open < settings.connectionLimit
        }
    }

    /// Marks an idle connection as at work if part of a request has arrived. libmicrohttpd reports
    /// a request only when its first line is complete.
    ///
    /// - Returns: whether part of a request has arrived.
    private func noteBegunRequest(on descriptor: CInt, at now: Duration, in state: inout sending State) -> Bool {
        guard var entry = state.entries[descriptor] else { return false }
        switch entry.phase {
        case .opening where entry.tls == nil && Connection.hasReceived(descriptor): break
        case .idle:
            guard let begun = Connection.lastReceived(descriptor, after: entry.since, now) else { return false }
            entry.deadline = begun + .seconds(settings.requestTimeout)
        default: return false
        }
        entry.phase = .reading(Request())
        state.entries[descriptor] = entry
        return true
    }

    /// How many connections libmicrohttpd may still have that were shut down here.
    static let mostClosing = 64

    /// Notes an accepted connection.
    ///
    /// - Returns: false where its client has too many. Clients of a unix socket have no address,
    ///   and no such limit.
    func admit(_ descriptor: CInt, client: String) -> Bool {
        state.withLock { state in
            let own = client.isEmpty ? [] : state.entries.filter { $0.value.client == client }.map(\.key)
            let limit = settings.connectionLimitPerAddress
            // Who has just closed some of them may have others before libmicrohttpd has noticed.
            if own.count >= limit, own.count - Polling.gone(among: own) >= limit { return false }
            state.nextNumber += 1
            let now = SystemClock.monotonic.now
            // libmicrohttpd does not report the end of a connection for which it had no memory:
            // its descriptor comes again.
            state.entries[descriptor] = Entry(
                number: state.nextNumber,
                client: client,
                phase: .accepted,
                deadline: now + .seconds(settings.requestTimeout),
                since: now
            )
            return true
        }
    }

    /// Whether the thread that serves is behind with TLS handshakes: a busy machine may give it
    /// less time than they take.
    var isBehindWithHandshakes: Bool {
        let beginning = state.withLock { state in
            state.entries.filter { entry in
                switch entry.value.phase {
                case .accepted, .opening(.silent), .opening(.helloReceived): true
                default: false
                }
            }
        }
        // One that has ended since is another one by now, if any: the number is a little too high
        // or too low then.
        return Polling.readable(among: Array(beginning.keys)) >= 4
    }

    /// Forgets a connection.
    ///
    /// - Returns: why its TLS handshake failed, if it did.
    @discardableResult
    func remove(_ descriptor: CInt) -> (client: String, failure: Handshake.Failure, detail: String)? {
        state.withLock { state in
            guard let entry = state.entries.removeValue(forKey: descriptor), entry.tls != nil,
                case .opening(let handshake) = entry.phase,
                let (failure, detail) = handshake.failure(
                    of: descriptor,
                    isLate: SystemClock.monotonic.now >= entry.deadline
                )
            else { return nil }
            state.failedHandshakes[failure, default: 0] += 1
            return (entry.client, failure, detail)
        }
    }

    /// Shuts a connection down, which libmicrohttpd sees and closes.
    private static func end(_ descriptor: CInt, in state: inout sending State) {
        state.entries[descriptor]?.phase = .closing
        Connection.end(descriptor)
    }

    var isEmpty: Bool { state.withLock { $0.entries.isEmpty } }

    // MARK: Going from phase to phase, in libmicrohttpd's callbacks

    subscript(descriptor: CInt) -> Entry? { state.withLock { $0.entries[descriptor] } }

    /// Changes a connection, if there is one of this descriptor.
    func change(_ descriptor: CInt, _ body: (inout Entry) -> Void) {
        state.withLock { state in
            guard var entry = state.entries[descriptor] else { return }
            body(&entry)
            state.entries[descriptor] = entry
        }
    }

    /// Queued an answer, which is counted before the client can have it.
    func answer(_ descriptor: CInt, with answer: Response) {
        state.withLock { state in
            state.answers[answer.status, default: 0] += 1
            state.entries[descriptor]?.enter(.answering(answer), forAtMost: settings.answerTimeout)
        }
    }

    /// A request has ended.
    ///
    /// - Parameters:
    ///   - isKept: whether the connection may wait for another.
    ///   - own: the status of an answer that libmicrohttpd gave by itself.
    /// - Returns: the seconds that the connection may be idle; nil where it is not kept.
    func endRequest(_ descriptor: CInt, isKept: Bool, own: StatusCode?) -> Int? {
        state.withLock { state in
            guard let entry = state.entries[descriptor] else { return nil }
            var status = own
            if case .answering(let answer) = entry.phase {
                status = answer.status
            } else if let own {
                state.answers[own, default: 0] += 1
            }
            guard isKept else { return nil }
            // Who was refused has less reason to stay than who was served.
            let isRefused = (400..<500).contains(status?.rawValue ?? 0)
            let seconds = isRefused ? min(settings.requestTimeout, settings.idleTimeout) : settings.idleTimeout
            state.entries[descriptor]?.enter(.idle, forAtMost: seconds)
            return seconds
        }
    }

    // MARK: Waiting

    /// Lets every connection go on that waits for this, or for anything: their requests are asked
    /// for again.
    func resumeAll(waitingFor reason: Suspension.Reason? = nil) {
        resume { _, _, suspension in reason == nil || suspension.reason == reason }
    }

    /// Lets a connection go on with what came of its password. One that has ended since has another
    /// number.
    func decide(_ descriptor: CInt, number: UInt64, _ verdict: PasswordVerdict) {
        resume(verdict) { key, entry, _ in key == descriptor && entry.number == number }
    }

    /// Lets those go on that wait for a page on demand, which is made.
    func deliver(_ page: Publication, to form: PageForm) {
        resume(page: page) { _, _, suspension in suspension.reason == .onDemand(form) }
    }

    /// Lets a connection go on with the answer to its question. One that has ended since has
    /// another number.
    func answer(_ descriptor: CInt, number: UInt64, _ answer: Endpoint.Question.Answer) {
        resume(answer: answer) { key, entry, _ in key == descriptor && entry.number == number }
    }

    /// Lets a connection go on although what it waits for is not there.
    func resume(_ descriptor: CInt) {
        resume { key, _, _ in key == descriptor }
    }

    private func resume(
        _ verdict: PasswordVerdict? = nil,
        page: Publication? = nil,
        answer: Endpoint.Question.Answer? = nil,
        where belongs: (CInt, Entry, Suspension) -> Bool
    ) {
        let handles = state.withLock { state in
            var handles: [UInt] = []
            for (descriptor, entry) in state.entries {
                guard case .suspended(var request, let suspension) = entry.phase,
                    belongs(descriptor, entry, suspension)
                else { continue }
                request.password = verdict ?? request.password
                request.pageMade = page ?? request.pageMade
                request.answer = answer ?? request.answer
                state.entries[descriptor]?.enter(.whole(request), forAtMost: settings.requestTimeout)
                handles.append(suspension.handle)
            }
            return handles
        }
        // libmicrohttpd ends no suspended connection, and each is taken out of the phase only once.
        for handle in handles { Connection.resume(handle) }
    }

    // MARK: Deadlines

    /// Ends the connections whose deadline is over; lets those that are suspended go on instead, to
    /// be answered.
    ///
    /// - Returns: after what time to look again.
    func enforceDeadlines() -> Duration {
        let now = SystemClock.monotonic.now
        resume { _, entry, _ in now >= entry.deadline }
        return state.withLock { state in
            // The client of one that is at work may go away in the middle of it, and its place is
            // wanted.
            let isAtWork = state.entries.values.contains { if case .idle = $0.phase { false } else { true } }
            for (descriptor, entry) in state.entries {
                switch entry.phase {
                case .accepted, .suspended, .closing: continue
                case .idle: _ = noteBegunRequest(on: descriptor, at: now, in: &state)
                case .opening, .reading: Connection.reportEndAgain(descriptor)
                case .whole, .answering: break
                }
                guard now >= entry.deadline else { continue }
                if case .opening = entry.phase {
                    // How far a handshake was says why it failed, once libmicrohttpd has noticed
                    // the end.
                    Connection.end(descriptor)
                } else {
                    Self.end(descriptor, in: &state)
                }
            }
            return .milliseconds(isAtWork ? 100 : 500)
        }
    }

    /// Ends the downloads of the oldest pages where pages other than this one take too much memory.
    func release(pagesBefore current: Publication) {
        state.withLock { state in
            var downloads: [ObjectIdentifier: (sampledAt: Duration, bytes: Int, descriptors: [CInt])] = [:]
            for (descriptor, entry) in state.entries {
                guard case .answering(let answer) = entry.phase, let sampledAt = answer.sampledAt,
                    sampledAt != current.sampledAt
                else { continue }
                downloads[ObjectIdentifier(answer), default: (sampledAt, answer.body.count, [])].descriptors
                    .append(descriptor)
            }
            var bytes = 0
            for download in downloads.values.sorted(by: { $0.sampledAt > $1.sampledAt }) {
                bytes += download.bytes
                guard bytes > settings.oldPagesLimit else { continue }
                for descriptor in download.descriptors { Self.end(descriptor, in: &state) }
            }
        }
    }

    // MARK: Numbers

    /// Whether an answer is being sent or is still to be made.
    var isBusy: Bool {
        state.withLock { state in
            state.entries.values.contains { entry in
                switch entry.phase {
                case .whole, .suspended, .answering: true
                case .accepted, .opening, .reading, .idle, .closing: false
                }
            }
        }
    }

    /// What was counted, without those who wait in the kernel's queue.
    var statistics: Endpoint.Statistics {
        state.withLock { state in
            let idle = state.entries.values.count { $0.isIdle }
            return Endpoint.Statistics(
                answers: StatusCode.allCases.map { (Int($0.rawValue), state.answers[$0] ?? 0) },
                failedHandshakes: Handshake.Failure.allCases.map { ($0.rawValue, state.failedHandshakes[$0] ?? 0) },
                active: state.entries.count - idle,
                idle: idle
            )
        }
    }
}
