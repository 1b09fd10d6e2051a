import System

/// Looks up names on threads of its own, since getaddrinfo(3) waits. A few threads, so that a name
/// without an answer holds up no other.
final class Resolver: Sendable {
    private static let threads = 4
    /// Names that wait beyond these fail at once.
    private static let longestQueue = 4_096

    private struct State {
        var queue: [(host: String, port: UInt16)] = []
        var threads = 0
        var idle = 0
        var isStopping = false
    }

    typealias Answer = Result<[SocketAddress], SocketAddress.NotFound>

    private let state = Monitor(State())
    private let answer: @Sendable (_ host: String, _ port: UInt16, Answer) -> Void

    /// - Parameter answer: called on a thread of the resolver.
    init(answer: @escaping @Sendable (String, UInt16, Answer) -> Void) { self.answer = answer }

    /// Asks for a name's addresses.
    func ask(_ host: String, _ port: UInt16) {
        let (isAccepted, needsThread) = state.change { state in
            guard state.queue.count < Self.longestQueue else { return (false, false) }
            state.queue.append((host, port))
            let needsThread = state.idle < state.queue.count && state.threads < Self.threads
            if needsThread { state.threads += 1 }
            return (true, needsThread)
        }
        guard isAccepted else {
            return answer(host, port, .failure(SocketAddress.NotFound(reason: "too many names wait to be looked up")))
        }
        guard needsThread else { return }
        do throws(SystemError) {
            try ServiceThread { [self] in run() }.detach()
        } catch {
            state.change { $0.threads -= 1 }
        }
    }

    /// Looks up no more names.
    func stop() {
        state.change { state in
            state.isStopping = true
            state.queue = []
        }
    }

    private func run() {
        while true {
            state.change { $0.idle += 1 }
            let next = state.wait { state -> (host: String, port: UInt16)?? in
                if state.isStopping { return .some(nil) }
                return state.queue.isEmpty ? nil : .some(state.queue.removeFirst())
            }
            state.change { $0.idle -= 1 }
            guard let (host, port) = next ?? nil else { return }
            do throws(SocketAddress.NotFound) {
                answer(host, port, .success(try SocketAddress.find(host, port: port)))
            } catch {
                answer(host, port, .failure(error))
            }
        }
    }
}

/// What is known of names.
struct KnownNames {
    /// After this time a name is looked up again, when it is next needed.
    private static let freshness = Duration.seconds(5)
    /// For so long the addresses of before are used while look-ups fail.
    private static let patience = Duration.seconds(60)

    struct Name: Hashable {
        let host: String
        let port: UInt16
    }

    private struct Entry {
        var addresses: [SocketAddress] = []
        var resolvedAt = Duration.zero
        var failure: String?
        var askedAt: Duration?
        var answeredAt: Duration?
    }

    enum Answer {
        case addresses([SocketAddress])
        case failed(String)
        /// The answer comes.
        case unknown
    }

    private var entries: [Name: Entry] = [:]

    /// What is known of a name, and whether it has to be asked for.
    mutating func look(up name: Name, at now: Duration) -> (Answer, mustAsk: Bool) {
        var entry = entries[name] ?? Entry()
        let isFresh = entry.answeredAt.map { now - $0 < Self.freshness } ?? false
        let mustAsk = !isFresh && entry.askedAt == nil
        if mustAsk { entry.askedAt = now }
        entries[name] = entry
        if !entry.addresses.isEmpty, entry.failure == nil || now - entry.resolvedAt < Self.patience {
            return (.addresses(entry.addresses), mustAsk)
        }
        // A failure is asked again each time: the probe waits for the answer.
        if let failure = entry.failure, isFresh { return (.failed(failure), mustAsk) }
        return (.unknown, mustAsk)
    }

    /// Takes an answer in.
    mutating func note(_ name: Name, _ answer: Resolver.Answer, at now: Duration) {
        guard var entry = entries[name] else { return }
        entry.askedAt = nil
        entry.answeredAt = now
        switch answer {
        case .success(let addresses):
            (entry.addresses, entry.resolvedAt, entry.failure) = (addresses, now, nil)
        case .failure(let error):
            entry.failure = error.reason
        }
        entries[name] = entry
    }

    /// Forgets the names that nobody probes any more.
    mutating func keep(only names: Set<Name>) {
        entries = entries.filter { names.contains($0.key) || $0.value.askedAt != nil }
    }
}
