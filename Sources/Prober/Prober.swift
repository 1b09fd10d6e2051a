import Synchronization
package import System

/// Probes targets on a schedule, over connections that it keeps, on a thread of its own.
///
/// ```swift
/// let prober = try Prober(Prober.Settings()) { event in print(event) }
/// prober.replaceTargets([try Target("http://127.0.0.1:8080/", module)])
/// …
/// for statistics in prober.statistics { print(statistics.target.name, statistics.last) }
/// ```
package final class Prober: Sendable {
    package struct Settings: Sendable {
        /// The most connections at once.
        package var connectionLimit = 1_000
        /// The ports to connect from; nil for ports of the kernel's choice. Connections then end
        /// orderly, whatever their module says.
        package var sourcePorts: ClosedRange<UInt16>?
        /// Where procfs is mounted.
        package var procfs = "/proc"

        package init() {}
    }

    /// Something that is worth a line in the log.
    package enum Event: Sendable {
        /// The first probe of a target failed, or the one after a success.
        case failed(Target, ProbeResult)
        /// A probe succeeded after a failure.
        case recovered(Target)
    }

    private let mailbox: Mailbox
    private let board: Board
    private let thread: ServiceThread
    private let hasEnded = Mutex(false)

    /// Whether libcurl was found, without which there is no HTTP.
    package let hasHTTP: Bool

    /// Starts the thread, which takes over this thread's mask of signals.
    ///
    /// - Parameter report: called on the prober's thread.
    /// - Throws: that the machine has no descriptor or thread left.
    package init(_ settings: Settings, report: @escaping @Sendable (Event) -> Void) throws(SystemError) {
        let mailbox = try Mailbox()
        let board = Board()
        // The loop belongs to its thread, which makes it; this thread only hears how that went.
        let started = Monitor<Result<Bool, SystemError>?>(nil)
        let thread = try ServiceThread {
            let loop: Loop
            do throws(SystemError) {
                loop = try Loop(settings, mailbox, board, report)
            } catch {
                return started.change { $0 = .failure(error) }
            }
            let hasHTTP = loop.hasHTTP
            started.change { $0 = .success(hasHTTP) }
            loop.run()
        }
        let outcome = started.wait { $0 }
        do {
            hasHTTP = try outcome?.get() ?? false
        } catch {
            thread.join()
            throw error
        }
        (self.mailbox, self.board, self.thread) = (mailbox, board, thread)
    }

    deinit {
        stop()
    }

    /// Probes these targets from now on. Those that are probed already go on as they are; those
    /// that are missing end, with their connections.
    package func replaceTargets(_ targets: [Target]) { mailbox.post(.replace(targets)) }

    /// What is known of each target, in the order of `replaceTargets()`.
    package var statistics: [TargetStatistics] { board.all }

    /// Connections that are open now.
    package var openConnections: Int { board.openConnections }

    /// Probes a target once, now. Its connection is kept for ten minutes, for the next such call.
    ///
    /// - Parameter completion: called on the prober's thread; never after `stop()`.
    package func probe(_ target: Target, completion: @escaping @Sendable (ProbeResult) -> Void) {
        mailbox.post(.probe(target, completion))
    }

    /// Ends all connections and the thread, within about two seconds. A second call does nothing.
    package func stop() {
        let isFirst = hasEnded.withLock { hasEnded in
            defer { hasEnded = true }
            return !hasEnded
        }
        guard isFirst else { return }
        mailbox.post(.stop)
        thread.join()
    }
}

/// What others want of the loop.
enum Command: Sendable {
    case replace([Target])
    case probe(Target, @Sendable (ProbeResult) -> Void)
    case resolved(KnownNames.Name, Resolver.Answer)
    case stop
}

/// Commands on their way to the loop.
final class Mailbox: Sendable {
    private let commands = Mutex<[Command]>([])
    private let wakeUp = WakeUp()

    /// Readable when something was posted.
    var descriptor: CInt { wakeUp.descriptor }

    init() throws(SystemError) {
        if wakeUp.descriptor < 0 { throw SystemError(call: "eventfd", path: "prober", errno: wakeUp.failure) }
    }

    func post(_ command: Command) {
        commands.withLock { $0.append(command) }
        wakeUp.announce()
    }

    /// Takes all that was posted.
    func take() -> [Command] {
        wakeUp.clear()
        return commands.withLock { commands in
            defer { commands = [] }
            return commands
        }
    }
}

/// What the loop has found, for others to read.
final class Board: Sendable {
    private struct State {
        var order: [Target] = []
        var statistics: [Target: TargetStatistics] = [:]
        var openConnections = 0
    }

    private let state = Mutex(State())

    var all: [TargetStatistics] { state.withLock { state in state.order.compactMap { state.statistics[$0] } } }
    var openConnections: Int { state.withLock { $0.openConnections } }

    func replace(_ targets: [Target]) {
        state.withLock { state in
            let before = state.statistics
            state.order = targets
            state.statistics = [:]
            for target in targets { state.statistics[target] = before[target] ?? TargetStatistics(target) }
        }
    }

    func note(_ result: ProbeResult, of target: Target, missed: UInt64) {
        state.withLock { state in
            state.statistics[target]?.note(result)
            state.statistics[target]?.missedIntervals += missed
        }
    }

    func note(openConnections: Int) { state.withLock { $0.openConnections = openConnections } }
}
