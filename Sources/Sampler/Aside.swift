import KernelReaders
import Model
import System

/// Readings of one kind on a `ReadingThread`, one at a time, so that nothing waits for one
/// longer than it wants to: a reading may hang in the kernel, which no deadline ends.
final class Aside<Value: Sendable>: Sendable {
    /// What has become of a reading.
    enum Arrival {
        case outcome(Outcome<Value>)
        /// It goes on; nobody waits for it any more.
        case underWay
        /// It has just exceeded its time, and goes on.
        case late(budget: Double)
    }

    private enum Phase {
        /// - Parameter wasLate: whether the last reading was.
        case idle(wasLate: Bool)
        case reading(Reading)
        case done(Outcome<Value>)
    }

    private struct Reading {
        let began: Instant
        /// The seconds after which it is late.
        let budget: Double
        /// Whether the reading before was late.
        let followsLate: Bool
        /// Whether somebody may still wait for it.
        var isAwaited = true
        var isLate = false
    }

    private let thread: ReadingThread
    private let phase = Monitor(Phase.idle(wasLate: false))

    init(on thread: ReadingThread) {
        self.thread = thread
    }

    /// Whether a reading was started whose outcome nobody has taken.
    var isUnderWay: Bool {
        phase.change { phase in
            if case .idle = phase { false } else { true }
        }
    }

    /// Starts a reading, unless one is under way.
    ///
    /// - Parameter budget: the seconds after which it is late.
    func start(budget: Double, _ read: @escaping @Sendable () throws(ReadError) -> Value) {
        let isIdle = phase.change { phase in
            guard case .idle(let wasLate) = phase else { return false }
            phase = .reading(Reading(began: Clock.now, budget: budget, followsLate: wasLate))
            return true
        }
        guard isIdle else { return }
        thread.add { [phase] refusal in
            var outcome = refusal.map { Outcome(failure: $0) } ?? Outcome(of: read)
            phase.change { phase in
                if case .reading(let reading) = phase {
                    outcome.isLate = reading.isLate || outcome.duration >= reading.budget
                }
                phase = .done(outcome)
            }
        }
    }

    /// Takes the outcome, and waits for it if nobody has done so in vain.
    ///
    /// - Parameter seconds: the longest to wait, and a moment at most where the reading before was
    ///   late. Another thread makes the other readings then.
    func take(within seconds: Double) -> Arrival {
        let deadline = Clock.now + min(followsLate ? Self.moment : seconds, 1e6)
        repeat {
            let slice = min(deadline, Clock.now + Self.slice)
            let isOver = phase.wait(until: slice.nanoseconds) { phase -> Bool? in
                switch phase {
                case .reading(let reading): reading.isAwaited ? nil : true
                case .done, .idle: true
                }
            }
            if isOver == true { break }
        } while Clock.now < deadline && !thread.interruption.hasCome
        return outcome() ?? (thread.interruption.hasCome ? .underWay : leave())
    }

    private func outcome() -> Arrival? {
        phase.change { phase in
            guard case .done(let outcome) = phase else { return nil }
            phase = .idle(wasLate: outcome.isLate)
            return .outcome(outcome)
        }
    }

    /// Notes that nobody waits any more.
    private func leave() -> Arrival {
        let (isNewlyLeft, exceeded) = phase.change { phase -> (Bool, Double?) in
            guard case .reading(var reading) = phase else { return (false, nil) }
            let isNewlyLate = !reading.isLate && Clock.now - reading.began >= reading.budget
            let isNewlyLeft = reading.isAwaited
            reading.isAwaited = false
            reading.isLate = reading.isLate || isNewlyLate
            phase = .reading(reading)
            return (isNewlyLeft, isNewlyLate ? reading.budget : nil)
        }
        if isNewlyLeft { thread.replace() }
        guard let exceeded else { return .underWay }
        return .late(budget: exceeded)
    }

    private var followsLate: Bool {
        phase.change { phase in
            if case .reading(let reading) = phase { reading.followsLate } else { false }
        }
    }

    /// How often a wait looks for an interruption, in seconds.
    private static var slice: Double { 0.05 }
    /// Long enough for what usually takes microseconds, in seconds.
    private static var moment: Double { 0.1 }
}

/// The thread that reads: one reading after the other, as long as none hangs.
final class ReadingThread: Sendable {
    /// Reads, or takes in why it cannot.
    typealias Job = @Sendable (_ refusal: ReadError?) -> Void

    private struct State {
        var jobs: [Job] = []
        /// The number of the thread that takes the jobs. One with a lower number ends once its job
        /// does.
        var number = 0
        var isRunning = false
        var isOver = false
    }

    private let state = Monitor(State())
    /// Ends each wait for a reading.
    let interruption: Interruption

    init(_ interruption: Interruption) { self.interruption = interruption }

    deinit {
        state.change { $0.isOver = true }
    }

    /// Does a job after those that were added before.
    func add(_ job: @escaping Job) {
        state.change { $0.jobs.append(job) }
        run()
    }

    /// Has another thread do the jobs that wait, since the present one hangs in its job.
    func replace() {
        state.change { state in
            state.number += 1
            state.isRunning = false
        }
        run()
    }

    private func run() {
        let number = state.change { state -> Int? in
            guard !state.isRunning, !state.jobs.isEmpty else { return nil }
            state.isRunning = true
            return state.number
        }
        guard let number else { return }
        let state = state
        do throws(SystemError) {
            try ServiceThread(named: "reading") { Self.run(number, state) }.detach()
        } catch {
            // Read on the thread that asks, one that hangs would hold up the page and the stop.
            let refused = state.change { state in
                state.isRunning = false
                defer { state.jobs = [] }
                return state.jobs
            }
            for job in refused { job(ReadError(error)) }
        }
    }

    /// What a thread is to do next.
    private enum Step {
        case job(Job)
        case end
    }

    private static func run(_ number: Int, _ state: Monitor<State>) {
        while true {
            let step = state.wait { state -> Step? in
                if state.isOver || state.number != number { return .end }
                return state.jobs.isEmpty ? nil : .job(state.jobs.removeFirst())
            }
            guard case .job(let job) = step else { return }
            job(nil)
        }
    }
}

/// What a reading came to.
struct Outcome<Value> {
    let result: Result<Value, ReadError>
    /// How long it took, in seconds.
    let duration: Double
    /// The CPU time of its thread, in seconds.
    let cpuSeconds: Double
    /// Whether it took longer than it may.
    var isLate = false

    /// Reads.
    init(of read: () throws(ReadError) -> Value) {
        let (start, startCPU) = (Clock.now, Clock.threadCPU.seconds)
        do throws(ReadError) { result = .success(try read()) } catch { result = .failure(error) }
        duration = Clock.now - start
        cpuSeconds = Clock.threadCPU.seconds - startCPU
    }

    /// A reading that could not begin.
    init(failure: ReadError) {
        result = .failure(failure)
        (duration, cpuSeconds) = (0, 0)
    }
}

extension Outcome: Sendable where Value: Sendable {}
