import Glibc
import KernelReaders
package import Logging
import Model
import System

/// Takes the signals of the process, on a thread of its own that waits for nothing else, and
/// reports to the service manager that the sampler is alive.
///
/// Whatever the other threads hang in, the process ends within five seconds after SIGTERM or
/// SIGINT:
///
/// | seconds | |
/// |---|---|
/// | 0 | the main thread is woken; it finishes answers that are being sent |
/// | 4.4 | it closes what connections remain |
/// | 4.7 | it no longer waits for the log to be taken, and leaves with status 0 |
/// | 4.8 | if it has not left, this thread logs where it hangs, and exits with status 1 |
package struct SignalThread {
    /// How long the main thread may take to finish answers.
    package static let drainSeconds = 4.4
    /// When it no longer waits for the log.
    package static let logSeconds = 4.7
    private static let limitSeconds = 4.8
    private static let lastLineSeconds = 4.95

    private let lifecycle: Lifecycle
    private let manager: ServiceManager
    private let logger: Logger
    private let queue: LogQueue
    /// The age of a sample from which on the sampler counts as hung.
    private let maximumAge: Double

    /// Blocks the signals from now on, on this thread and those it starts. To be called before
    /// any thread starts.
    package static func holdBack() {
        signals.block()
        // A log that nobody reads must not end the exporter.
        Signals.ignoreClosedPipes()
    }

    /// Starts the thread.
    package static func start(
        _ lifecycle: Lifecycle,
        _ manager: ServiceManager,
        _ logger: Logger,
        _ queue: LogQueue,
        maximumAge: Double
    ) throws {
        let thread = SignalThread(
            lifecycle: lifecycle,
            manager: manager,
            logger: logger,
            queue: queue,
            maximumAge: maximumAge
        )
        try Thread.start { thread.run() }
    }

    private func run() {
        var stop: Instant?
        var isHung = false
        var areSignalsDenied = false
        // The manager wants to hear from us twice in the time that it waits.
        let patience = min(10, (manager.watchdogInterval ?? .infinity) / 2)
        while true {
            let limit = stop.map { $0 + Self.limitSeconds }
            switch wait(atMost: min(patience, limit.map { $0 - Clock.now } ?? .infinity), &areSignalsDenied) {
            case SIGHUP: lifecycle.askToReload()
            case SIGTERM: self.stop("SIGTERM", &stop)
            case SIGINT: self.stop("SIGINT", &stop)
            // The time was over, or a stopped process goes on.
            default: break
            }
            if let stop, Clock.now >= stop + Self.limitSeconds { abandon(stop) }
            guard let age = lifecycle.sampleAge else { continue }
            // A slow reading is not a hang: the last page is served meanwhile.
            if age <= maximumAge, manager.watchdogInterval != nil { manager.notify(.alive) }
            if isHung != (age > maximumAge) {
                isHung.toggle()
                logChange(isHung, age)
            }
        }
    }

    /// Waits for a signal; or, where a filter of system calls denies that, for the time alone.
    private func wait(atMost seconds: Double, _ areSignalsDenied: inout Bool) -> CInt? {
        do throws(SystemError) {
            if !areSignalsDenied { return try Self.signals.wait(atMost: seconds) }
        } catch {
            areSignalsDenied = true
            logger.error(
                "Signals cannot be waited for; SIGTERM and SIGINT end the process at once, SIGHUP does nothing",
                metadata: ["error": "\(error)"]
            )
            Signals([SIGHUP]).ignore()
            Signals([SIGTERM, SIGINT]).endProcess()
        }
        lifecycle.pause(for: seconds)
        return nil
    }

    private func stop(_ signal: String, _ stop: inout Instant?) {
        guard stop == nil else { return }
        let now = Clock.now
        stop = now
        // Before the main thread is woken, which may leave the process at once.
        logger.info("Stopping", metadata: ["signal": "\(signal)"])
        manager.notify(.stopping)
        lifecycle.askToStop(at: now)
    }

    private func logChange(_ isHung: Bool, _ age: Double) {
        guard isHung else { return logger.info("New samples are available again") }
        let work = lifecycle.work
        logger.error(
            "No new sample; the page is too old to be served",
            metadata: ["work": "\(work.name)", "work_seconds": "\(Int(work.seconds))", "age_seconds": "\(Int(age))"]
        )
    }

    /// Ends the process although the main thread has not come to its end.
    private func abandon(_ stop: Instant) -> Never {
        let work = lifecycle.work
        logger.error(
            "Ending without an orderly stop: the main thread hangs",
            metadata: ["work": "\(work.name)", "work_seconds": "\(Int(work.seconds))"]
        )
        queue.flush(until: stop + Self.lastLineSeconds)
        _exit(1)
    }

    private static var signals: Signals { Signals([SIGTERM, SIGINT, SIGHUP]) }
}
