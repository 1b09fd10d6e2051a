/// What came of a password.
enum PasswordVerdict {
    case right
    case wrong
    /// Too many wait to be checked, or the exporter stops.
    case unchecked
}

/// Checks passwords on a thread of its own, one after the other, while their connections are suspended: whoever sends
/// wrong ones makes nobody wait but those whose password is not known yet.
final class PasswordChecker: Sendable {
    /// How many passwords wait at most, and of one address: a second address is not shut out by the first.
    private static let limit = 16
    private static let limitPerClient = 4

    private struct Job {
        let credentials: Credentials
        let hash: [UInt8]
        /// nil for a user that there is not.
        let key: PasswordCache.Key?
        let record: ConnectionRecord
    }

    private struct Queue {
        var jobs: [Job] = []
        var isStopping = false
    }

    private let cache = PasswordCache()
    private let queue = Guarded(Queue())
    private let wakeUp = WakeUp()
    /// It starts with the first password.
    private let thread = Guarded(ServiceThread?.none)

    /// Finds out whether a request comes from one of the users.
    ///
    /// - Returns: nil where that takes time: the connection is suspended, and is resumed when its record holds the
    ///   verdict.
    func verdict(on authorization: String?, among users: Users, for connection: Connection, _ record: ConnectionRecord)
        -> PasswordVerdict?
    {
        guard let authorization, let credentials = Credentials(authorization: authorization) else { return .wrong }
        let (hash, isKnown) = users.hash(of: credentials.user)
        let key = cache.key(credentials, hash: hash)
        if isKnown, cache.contains(key) { return .right }
        let job = Job(credentials: credentials, hash: hash, key: isKnown ? key : nil, record: record)
        guard isRunning else { return .unchecked }
        let isQueued = queue.withLock { queue in
            guard !queue.isStopping, queue.jobs.count < Self.limit,
                queue.jobs.count(where: { $0.record.client == record.client }) < Self.limitPerClient
            else { return false }
            // No deadline: it is answered when its turn has come, and the queue is short.
            record.suspend(connection, until: .seconds(Int64.max / 2))
            queue.jobs.append(job)
            return true
        }
        guard isQueued else { return .unchecked }
        wakeUp.announce()
        return nil
    }

    /// Checks no more passwords; those that wait are unchecked. One that is being checked is finished, for which this does
    /// not wait.
    func stop() {
        let jobs = queue.withLock { queue in
            defer { queue.jobs = [] }
            queue.isStopping = true
            return queue.jobs
        }
        for job in jobs { job.record.decide(.unchecked) }
        wakeUp.announce()
    }

    /// Waits for the end of the thread, after stop().
    func join() {
        let last = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        last?.join()
    }

    /// Whether the thread runs, which is started here; false where the machine has none left.
    private var isRunning: Bool {
        thread.withLock { thread in
            if thread == nil { thread = ServiceThread { [self] in run() } }
            return thread != nil
        }
    }

    private func run() {
        let bcrypt = Bcrypt()
        while true {
            let (job, isStopping) = queue.withLock { queue in
                let job = queue.jobs.isEmpty ? nil : queue.jobs.removeFirst()
                return (job, queue.isStopping)
            }
            if let job {
                let isRight = bcrypt.matches(job.credentials.password, job.hash) && job.key != nil
                if isRight, let key = job.key { cache.insert(key) }
                job.record.decide(isRight ? .right : .wrong)
            } else if isStopping {
                return
            } else {
                wakeUp.wait()
            }
        }
    }
}

extension ConnectionRecord {
    /// Notes what came of the request's password, and lets the connection go on.
    fileprivate func decide(_ verdict: PasswordVerdict) {
        request.withLock { $0.password = verdict }
        resume()
    }
}
