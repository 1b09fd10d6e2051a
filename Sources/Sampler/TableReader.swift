import Aggregator
import KernelReaders
import Ports

/// Reads the socket table where it is to be read, and falls back where that is allowed.
struct TableReader: ~Copyable {
    private let choice: SourceChoice
    private let proc: ProcFilesystem
    /// Kept as long as it works.
    private var sockDiag: SockDiagTable?
    /// Where the last reading that worked was made.
    private(set) var source: TableSource?
    /// Why the last reading was not made over sock_diag although it should have been.
    private(set) var obstacle: ReadError?

    /// - Parameter proc: where to read procfs. Where that is no procfs, as a capture is none, sock_diag would tell of
    ///   another host: `auto` then is procfs.
    init(_ choice: SourceChoice, _ proc: ProcFilesystem) {
        self.choice = choice == .auto && !proc.isLive ? .procfs : choice
        self.proc = proc
    }

    /// Reads the whole table.
    ///
    /// - Returns: the number of rows that were left out.
    mutating func read(
        into accounting: inout PortAccounting,
        range: EphemeralRange?,
        addresses: LocalAddresses?,
        at now: Instant
    ) throws(ReadError) -> Int {
        if choice != .procfs {
            do throws(ReadError) {
                if sockDiag == nil { sockDiag = try SockDiagTable() }
                guard var table = sockDiag.take() else { return 0 }
                let leftOut = try Self.read(&table, into: &accounting, range, addresses, now)
                sockDiag = consume table
                (source, obstacle) = (.sockDiag, nil)
                return leftOut
            } catch {
                obstacle = error
                if choice == .sockDiag { throw error }
            }
        }
        var table = ProcSocketTable(proc)
        let leftOut = try Self.read(&table, into: &accounting, range, addresses, now)
        source = .procfs
        return leftOut
    }

    /// Reads the listeners alone, over sock_diag.
    mutating func listeners() throws(ReadError) -> [SocketRow] {
        if sockDiag == nil { sockDiag = try SockDiagTable() }
        guard var table = sockDiag.take() else { return [] }
        let listening = try table.listeners()
        sockDiag = consume table
        return listening
    }

    private static func read<Source: SocketTableSource & ~Copyable>(
        _ table: inout Source,
        into accounting: inout PortAccounting,
        _ range: EphemeralRange?,
        _ addresses: LocalAddresses?,
        _ now: Instant
    ) throws(ReadError) -> Int {
        let listening = try table.listeners()
        accounting.begin(listening: listening, range: range, addresses: addresses, at: now)
        return try table.read(into: &accounting)
    }
}
