import KernelReaders
import Model

/// Reads the namespace's own addresses: over rtnetlink, or from the files of procfs where that is refused.
struct AddressReader: ~Copyable {
    private let proc: ProcFilesystem
    /// Kept as long as it works.
    private var routes: RouteTable?
    private var retry = Retry()
    /// Why rtnetlink was not asked, or did not answer, at the last reading; nil where it did.
    private(set) var obstacle: ReadError?

    /// - Parameter proc: where to read procfs. Where that is no procfs, as a capture is none, rtnetlink would answer for
    ///   another host, and only the files are read.
    init(_ proc: ProcFilesystem) {
        self.proc = proc
    }

    /// Reads the addresses.
    mutating func read(at now: Instant) throws(ReadError) -> LocalAddresses {
        guard proc.isLive else { return try proc.localAddresses() }
        guard retry.isDue(at: now) else { return try proc.localAddresses() }
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
            return try proc.localAddresses()
        }
    }

    /// The way over rtnetlink, open; whoever takes it puts it back if it worked.
    private mutating func takeRoutes() throws(ReadError) -> RouteTable {
        if let open = routes.take() { return open }
        return try RouteTable()
    }
}
