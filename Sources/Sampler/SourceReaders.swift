import Aggregator
import KernelReaders
import Model
import Synchronization

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
    private var retry = Retry()

    /// - Parameter proc: where to read procfs. If that is a capture, not a procfs,
    ///   sock_diag would tell of another host: `auto` then is procfs.
    init(_ choice: SourceChoice, _ proc: ProcFilesystem) {
        self.choice = choice == .auto && !proc.isLive ? .procfs : choice
        self.proc = proc
        // Whether that works is seen, and said, when the table is read.
        sockDiag = self.choice == .procfs ? nil : try? SockDiagTable()
    }

    /// Whether what only sock_diag tells can be read.
    var hasSockDiag: Bool { sockDiag != nil }

    /// Reads the whole table.
    ///
    /// - Parameters:
    ///   - facts: what classifies rows.
    ///   - bound: the sockets that are only bound; nil where they are not known.
    ///   - patience: how long it may take.
    /// - Returns: the report, and the number of rows that were left out.
    mutating func read(
        _ facts: NamespaceFacts,
        bound: [SocketRow]?,
        _ memory: inout Memory,
        within patience: Patience,
        at now: Instant
    ) throws(ReadError) -> (report: PortReport, malformedRows: Int) {
        if choice == .sockDiag, let obstacle, !retry.isDue(at: now) { throw obstacle }
        if choice != .procfs, retry.isDue(at: now) {
            do throws(ReadError) {
                var table = try takeSockDiag(patience)
                let result = try Self.read(&table, facts, bound: bound, &memory, now)
                sockDiag = consume table
                (source, obstacle) = (.sockDiag, nil)
                retry.succeeded()
                return result
            } catch {
                // procfs would take four times as long.
                if error.reason == .timedOut { throw error }
                obstacle = error
                retry.failed(at: now)
                if choice == .sockDiag { throw error }
            }
        }
        var table = ProcSocketTable(proc, patience: patience)
        let result = try Self.read(&table, facts, bound: nil, &memory, now)
        source = .procfs
        return result
    }

    /// Reads the listeners alone, over sock_diag.
    mutating func listeners(within patience: Patience) throws(ReadError) -> [SocketRow] {
        var table = try takeSockDiag(patience)
        let listening = try table.listeners()
        sockDiag = consume table
        return listening
    }

    /// Reads the sockets that are bound and neither listen nor are connected, over sock_diag.
    mutating func boundSockets(within patience: Patience) throws(ReadError) -> [SocketRow] {
        var table = try takeSockDiag(patience)
        let bound = try table.boundSockets()
        sockDiag = consume table
        return bound
    }

    /// Asks over sock_diag whether a live connection has timestamps; nil where it is gone.
    mutating func usesTimestamps(
        _ question: TimestampQuestion,
        within patience: Patience
    ) throws(ReadError) -> Bool? {
        var table = try takeSockDiag(patience)
        let destination = question.destination
        let answer = try table.usesTimestamps(
            ConnectionIdentity(
                localAddress: destination.source,
                localPort: question.localPort,
                remoteAddress: destination.address,
                remotePort: destination.port,
                device: destination.device,
                cookie: question.cookie
            )
        )
        sockDiag = consume table
        return answer
    }

    /// The way over sock_diag, open; whoever takes it puts it back if it worked.
    private mutating func takeSockDiag(_ patience: Patience) throws(ReadError) -> SockDiagTable {
        var table = if let open = sockDiag.take() { open } else { try SockDiagTable() }
        table.patience = patience
        return table
    }

    private static func read<Source: SocketTableSource & ~Copyable>(
        _ table: inout Source,
        _ facts: NamespaceFacts,
        bound: [SocketRow]?,
        _ memory: inout Memory,
        _ now: Instant
    ) throws(ReadError) -> (report: PortReport, malformedRows: Int) {
        var facts = facts
        facts.knowsBound = bound != nil
        var reading = Reading(facts, &memory, at: now)
        if let bound { reading.rows(bound.span, readAt: now) }
        let malformedRows = try table.read(into: &reading)
        return (reading.finish(&memory), malformedRows)
    }
}

/// Reads the namespace's own addresses: over rtnetlink, or from the files of procfs where that is
/// refused.
struct AddressReader: ~Copyable {
    private let proc: ProcFilesystem
    /// Kept as long as it works.
    private var routes: RouteTable?
    private var retry = Retry()
    /// Why rtnetlink was not asked, or did not answer, at the last reading; nil where it did.
    private(set) var obstacle: ReadError?

    /// - Parameter proc: where to read procfs. If that is a capture, not a procfs,
    ///   rtnetlink would answer for another host, and only the files are read.
    init(_ proc: ProcFilesystem) {
        self.proc = proc
    }

    /// Reads the addresses.
    ///
    /// - Parameter patience: how long it may take.
    mutating func read(within patience: Patience, at now: Instant) throws(ReadError) -> LocalAddresses {
        guard proc.isLive else { return try proc.localAddresses(patience) }
        guard retry.isDue(at: now) else { return try proc.localAddresses(patience) }
        do throws(ReadError) {
            var routes = try takeRoutes()
            let addresses = try routes.localAddresses()
            self.routes = consume routes
            obstacle = nil
            retry.succeeded()
            return addresses
        } catch {
            obstacle = error
            retry.failed(at: now)
            return try proc.localAddresses(patience)
        }
    }

    /// The way over rtnetlink, open; whoever takes it puts it back if it worked.
    private mutating func takeRoutes() throws(ReadError) -> RouteTable {
        if let open = routes.take() { return open }
        return try RouteTable()
    }
}
