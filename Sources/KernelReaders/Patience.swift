import Model
import Synchronization

/// Says that what is being read is not wanted any more, as when the process is to end.
package final class Interruption: Sendable {
    private let isAnnounced = Atomic(false)

    package init() {}

    /// Has every reading given up that asks.
    package func announce() { isAnnounced.store(true, ordering: .relaxed) }

    package var hasCome: Bool { isAnnounced.load(ordering: .relaxed) }
}

/// How long a reading may take. What reads piece by piece asks after each piece.
package struct Patience: Sendable {
    private let deadline: Instant?
    private let seconds: Double
    private let interruption: Interruption?

    /// As long as it takes.
    package static let unlimited = Patience(deadline: nil, seconds: .infinity, interruption: nil)

    /// From now on some seconds, and not beyond an interruption.
    package init(seconds: Double, _ interruption: Interruption) {
        self.init(deadline: seconds < 1e6 ? Clock.now + seconds : nil, seconds: seconds, interruption: interruption)
    }

    private init(deadline: Instant?, seconds: Double, interruption: Interruption?) {
        self.deadline = deadline
        self.seconds = seconds
        self.interruption = interruption
    }

    /// - Throws: that it has taken too long, or is not wanted any more.
    package func check(_ path: String) throws(ReadError) {
        if let deadline, Clock.now >= deadline { throw .timedOut(path, "given up after \(Int(seconds)) s") }
        if interruption?.hasCome == true { throw .timedOut(path, "given up: the process is to end") }
    }
}
