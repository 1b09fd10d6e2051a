package import KernelReaders
package import Model
import System

/// The state that the main thread, which samples, and the signal thread share.
package final class Lifecycle: Sendable {
    /// What the main thread is doing.
    package enum Work: String {
        case starting = "opening sockets and files"
        case reading = "reading the kernel's tables"
        case waiting = "waiting for the next reading"
        case draining = "ending connections"
        case leaving = "leaving the process"
    }

    /// What the main thread is to do next.
    package enum Step {
        case sample
        case reload
        /// To end the process, since a signal came at that moment.
        case stop(asked: Instant)
    }

    private struct State {
        var work = Work.starting
        var since = Clock.now
        var lastSample: Instant?
        var stopAsked: Instant?
        var isReloadAsked = false

        mutating func begin(_ work: Work) {
            self.work = work
            since = Clock.now
        }
    }

    /// Has the readings given up when the process is to end.
    package let interruption = Interruption()
    private let state = Monitor(State())

    package init() {}

    // The main thread.

    /// Notes what the main thread does from now on.
    package func begin(_ work: Work) { state.change { $0.begin(work) } }

    /// Notes that a sample has been taken and published.
    package func noteSample() { state.change { $0.lastSample = Clock.now } }

    /// Waits for the next step.
    ///
    /// - Parameter due: when the next sample is.
    package func nextStep(sampleAt due: Instant) -> Step {
        begin(.waiting)
        let step = state.wait(until: due.nanoseconds) { state -> Step? in
            if let asked = state.stopAsked { return .stop(asked: asked) }
            guard state.isReloadAsked else { return nil }
            state.isReloadAsked = false
            return .reload
        }
        begin(.reading)
        return step ?? .sample
    }

    // The signal thread.

    /// Asks the main thread to stop, because of a signal that came at a moment.
    func askToStop(at moment: Instant) {
        interruption.announce()
        state.change { $0.stopAsked = moment }
    }

    /// Asks the main thread to read the web configuration again.
    func askToReload() { state.change { $0.isReloadAsked = true } }

    /// Waits for a time.
    func pause(for seconds: Double) {
        _ = state.wait(until: (Clock.now + max(0, seconds)).nanoseconds) { _ in nil as Bool? }
    }

    /// What the main thread is doing, and for how many seconds.
    var work: (name: String, seconds: Double) {
        state.change { ($0.work.rawValue, Clock.now - $0.since) }
    }

    /// The seconds since the last sample; nil before the first.
    var sampleAge: Double? {
        state.change { state in state.lastSample.map { Clock.now - $0 } }
    }
}
