import Synchronization

/// The connections that there are, and the thread that holds them to their deadlines.
final class OpenConnections: Sendable {
    private let all = Guarded<[ObjectIdentifier: ConnectionRecord]>([:])
    private let isStopping = Atomic(false)
    private let wakeUp = WakeUp()
    private let thread = Guarded(ServiceThread?.none)

    /// How often the deadlines are looked at while there are connections.
    private static let period = Duration.milliseconds(500)

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
    func insert(_ record: ConnectionRecord) {
        let count = all.withLock { all in
            all[ObjectIdentifier(record)] = record
            return all.count
        }
        if count == 1 { wakeUp.announce() }
    }

    /// A connection ends.
    func remove(_ record: ConnectionRecord) {
        _ = all.withLock { $0.removeValue(forKey: ObjectIdentifier(record)) }
    }

    private var records: [ConnectionRecord] { all.withLock { Array($0.values) } }

    private func run() {
        while !isStopping.load(ordering: .relaxed) {
            let records = records
            let now = MonotonicClock.now
            for record in records { record.enforceDeadline(at: now) }
            // Without connections it sleeps until there is one.
            wakeUp.wait(atMost: records.isEmpty ? nil : Self.period)
        }
    }
}
