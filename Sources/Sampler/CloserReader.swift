import KernelReaders
import Model

/// Who is to be named as the one that closes first.
package struct WhoSettings: Sendable {
    /// How many programs have series of their own.
    package var limit: Int
    /// The tracepoint's `format` file; nil for systemd's credential, or else tracefs.
    package var formatFile: String?
    /// Whether bind() calls that fail are traced, too, which slows down every system call of the
    /// machine.
    package var tracesBind: Bool

    package init(limit: Int, formatFile: String? = nil, tracesBind: Bool = false) {
        self.limit = limit
        self.formatFile = formatFile
        self.tracesBind = tracesBind
    }
}

/// Keeps the trace of closes, and tries again where it was refused.
struct CloserReader: ~Copyable {
    private let settings: WhoSettings
    private let proc: ProcFilesystem
    private var trace: CloseTrace?
    private var obstacle: ReadError?
    private var retry = Retry()
    /// The CPU time of the trace's thread that has been reported, in seconds.
    private var reported = 0.0

    init(_ settings: WhoSettings, _ proc: ProcFilesystem) {
        self.settings = settings
        self.proc = proc
    }

    /// Whether names of processes that ran before the trace are missing.
    var hidesProcesses: Bool { trace?.hidesProcesses == true }

    /// Begins to trace, before the first reading of the socket table. A failure is reported by the
    /// next `take`.
    mutating func start(at now: Instant) {
        guard trace == nil, retry.isDue(at: now) else { return }
        do throws(ReadError) {
            guard proc.isLive else { throw .notLive }
            let bind: TracepointFile? = if settings.tracesBind { try TracepointFile.bind() } else { nil }
            trace = try CloseTrace(TracepointFile(at: settings.formatFile), bind: bind, proc)
            obstacle = nil
            retry.succeeded()
        } catch {
            obstacle = error
            retry.failed(at: now)
        }
    }

    /// Takes what was traced since the last time.
    ///
    /// - Parameter isMatched: false leaves it for the next time.
    /// - Throws: why nothing is traced.
    func take(matching isMatched: Bool) throws(ReadError) -> CloseBatch? {
        if let obstacle { throw obstacle }
        return isMatched ? trace?.take() : nil
    }

    /// The CPU time of the trace's thread since the last time, in seconds.
    mutating func spent() -> Double {
        let total = trace?.cpuSeconds ?? reported
        defer { reported = total }
        return total - reported
    }
}
