import Aggregator
import KernelReaders
import Model

/// The reader of the socket table with what is remembered from one reading to the next.
struct TableAccount: ~Copyable {
    /// A reading of the whole table.
    struct Whole: Sendable {
        let report: PortReport
        /// The number of rows that were left out.
        let malformedRows: Int
        /// Where the table was read.
        let source: TableSource
        /// Why it was not read over sock_diag although it should have been.
        let obstacle: ReadError?
        /// Whether a service has vanished that may want its port again.
        let hasServiceVanished: Bool
    }

    /// A look at the listeners alone.
    struct Look: Sendable {
        /// The part of a report that follows from them.
        let report: ListenerReport
        let hasServiceVanished: Bool
    }

    var reader: TableReader
    var memory: Memory

    /// The most questions after a reading, a few microseconds each.
    private static let mostQuestions = 32

    init(_ reader: consuming TableReader, _ memory: Memory) {
        self.reader = reader
        self.memory = memory
    }

    /// Reads the whole table; see `TableReader.read`.
    mutating func read(
        _ facts: NamespaceFacts,
        bound: [SocketRow]?,
        within patience: Patience,
        at now: Instant
    ) throws(ReadError) -> Whole {
        let (report, malformedRows) = try reader.read(facts, bound: bound, &memory, within: patience, at: now)
        if reader.source == .sockDiag { askForTimestamps(within: patience) }
        return Whole(
            report: report,
            malformedRows: malformedRows,
            source: reader.source ?? .procfs,
            obstacle: reader.obstacle,
            hasServiceVanished: hasServiceVanished
        )
    }

    /// Looks at the listeners alone, over sock_diag.
    mutating func look(
        within patience: Patience,
        _ range: EphemeralRange?,
        at now: Instant
    ) throws(ReadError) -> Look {
        let listening = try reader.listeners(within: patience)
        let report = memory.look(at: listening, range, at: now)
        return Look(report: report, hasServiceVanished: hasServiceVanished)
    }

    private var hasServiceVanished: Bool { memory.hasVanished && memory.awaitsService }

    /// Asks live connections to heavy destinations for their timestamps, where these decide about
    /// reuse. The answers count from the next reading on.
    private mutating func askForTimestamps(within patience: Patience) {
        for question in memory.questions.prefix(Self.mostQuestions) {
            // One that is gone, or a kernel that does not say, leaves it unknown.
            guard let answer = try? reader.usesTimestamps(question, within: patience) else { continue }
            memory.note(question, hasTimestamps: answer)
        }
    }
}
