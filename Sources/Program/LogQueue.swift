import KernelReaders
package import Model
import System

/// Lines on their way to standard error. Logging never blocks: a thread writes them, and where
/// nobody takes them from a full pipe, the lines that have no room here are counted, and the count
/// is logged later.
package final class LogQueue: Sendable {
    /// The most bytes that wait: some thousand lines.
    private static let room = 256 * 1024
    /// Where lines were lost, none is taken before so many bytes are left: there is one count for
    /// many lines.
    private static let roomAfterLoss = room / 2

    private struct Line {
        let text: [UInt8]
        /// The number of lost lines that it reports; 0 for other lines.
        var told = 0
    }

    private struct State {
        var lines: [Line] = []
        var bytes = 0
        /// Lines that were lost and are not logged as such yet.
        var lost = 0
        /// Lines that could not be written. They are reported with the next line, since a report
        /// now could not be written either.
        var unwritten = 0
        var lostInAll: UInt64 = 0
        var isWriting = false

        mutating func append(_ line: Line) {
            lines.append(line)
            bytes += line.text.count
        }
    }

    private let state = Monitor(State())
    /// The line that reports the number of lost lines.
    private let lossLine: @Sendable (Int) -> [UInt8]

    /// Starts the thread, which takes over this thread's mask of signals.
    init(lossLine: @escaping @Sendable (Int) -> [UInt8]) throws {
        self.lossLine = lossLine
        try Thread.start { [self] in while true { writeNext() } }
    }

    /// Puts a line, with its newline, into the queue; drops it where there is no room.
    func append(_ line: [UInt8]) {
        state.change { state in
            let room = state.lost == 0 ? Self.room : Self.roomAfterLoss
            guard state.bytes + line.count <= room else {
                state.lost += 1
                state.lostInAll += 1
                return
            }
            state.lost += state.unwritten
            state.unwritten = 0
            tellLoss(&state)
            state.append(Line(text: line))
        }
    }

    private func tellLoss(_ state: inout State) {
        if state.lost > 0 { state.append(Line(text: lossLine(state.lost), told: state.lost)) }
        state.lost = 0
    }

    /// How many lines were lost since the start.
    package var lostLines: UInt64 { state.change { $0.lostInAll } }

    /// Waits until all lines have been written.
    ///
    /// - Parameter deadline: the latest moment to stop waiting.
    package func flush(until deadline: Instant) {
        _ = state.wait(until: deadline.nanoseconds) { $0.lines.isEmpty && $0.lost == 0 && !$0.isWriting ? true : nil }
    }

    /// Takes all lines that wait and writes them, one by one. Those that the kernel has not taken
    /// yet count towards the room.
    private func writeNext() {
        let lines = state.wait { state -> [Line]? in
            if state.lines.isEmpty { tellLoss(&state) }
            guard !state.lines.isEmpty else { return nil }
            state.isWriting = true
            defer { state.lines = [] }
            return state.lines
        }
        for line in lines ?? [] {
            let isWritten = StandardStreams.writeError(line.text)
            state.change { state in
                state.bytes -= line.text.count
                guard !isWritten else { return }
                state.unwritten += max(line.told, 1)
                if line.told == 0 { state.lostInAll += 1 }
            }
        }
        state.change { $0.isWriting = false }
    }
}
