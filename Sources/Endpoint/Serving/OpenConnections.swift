import Synchronization

/// The connections that there are, and the thread that holds them to their deadlines.
final class OpenConnections: Sendable {
    private let limitPerClient: Int
    private let requestTimeout: Duration
    private let state = Guarded(State())
    private let isStopping = Atomic(false)
    /// Whether the thread looks as often as it does while a request is read.
    private let looksOften = Atomic(false)
    private let wakeUp = WakeUp()
    private let thread = Guarded(ServiceThread?.none)

    private struct State {
        var records: [ObjectIdentifier: ConnectionRecord] = [:]
        /// How many connections each client's address has.
        var counts: [String: Int] = [:]
    }

    /// How often connections are looked at while there are some, and while one of them sends a request: a client may go
    /// away in the middle of it, and its place is wanted.
    private static let (period, readingPeriod) = (Duration.milliseconds(500), Duration.milliseconds(100))

    /// - Parameters:
    ///   - limitPerClient: the most connections of one address.
    ///   - requestTimeout: the longest that a request may take once it has begun.
    init(limitPerClient: Int, requestTimeout: Duration) {
        self.limitPerClient = limitPerClient
        self.requestTimeout = requestTimeout
    }

    /// Starts the thread.
    ///
    /// - Returns: false where the machine has no thread left.
    func start() -> Bool {
        let started = ServiceThread { [self] in run() }
        thread.withLock { $0 = started }
        return started != nil
    }

    /// Ends the thread.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        wakeUp.announce()
        let last = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        last?.join()
    }

    /// A connection begins.
    ///
    /// libmicrohttpd has a limit for each address too, but counts those of each socket alone, and an IPv4 address within
    /// IPv6 as another one.
    ///
    /// - Returns: false where its client has too many. Clients of a unix socket have no address, and no such limit.
    func insert(_ record: ConnectionRecord) -> Bool {
        let isWithinLimit = state.withLock { state in
            state.records[ObjectIdentifier(record)] = record
            let count = state.counts[record.client, default: 0] + 1
            state.counts[record.client] = count
            return record.client.isEmpty || count <= limitPerClient
        }
        if !looksOften.load(ordering: .relaxed) { wakeUp.announce() }
        return isWithinLimit
    }

    /// A connection ends.
    func remove(_ record: ConnectionRecord) {
        state.withLock { state in
            guard state.records.removeValue(forKey: ObjectIdentifier(record)) != nil else { return }
            let count = state.counts[record.client, default: 1] - 1
            state.counts[record.client] = count > 0 ? count : nil
        }
    }

    private func run() {
        while !isStopping.load(ordering: .relaxed) {
            let records = state.withLock { Array($0.records.values) }
            let now = MonotonicClock.now
            var isReading = false
            for record in records where record.enforceDeadline(at: now, requestTimeout: requestTimeout) {
                isReading = true
            }
            looksOften.store(isReading, ordering: .relaxed)
            // Without connections it sleeps until there is one.
            wakeUp.wait(atMost: records.isEmpty ? nil : isReading ? Self.readingPeriod : Self.period)
        }
    }
}
