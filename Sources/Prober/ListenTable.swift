package import KernelReaders
package import Model

/// The LISTEN sockets of this network namespace, over sock_diag, or from procfs where sock_diag is
/// refused.
package struct ListenTable: ~Copyable {
    private let proc: ProcFilesystem
    /// Kept as long as it works.
    private var sockDiag: SockDiagTable?

    /// - Parameter procfs: where procfs is mounted.
    package init(procfs: String = "/proc") {
        proc = ProcFilesystem(mount: procfs)
        sockDiag = proc.isLive ? try? SockDiagTable() : nil
    }

    package mutating func read() throws(ReadError) -> [SocketRow] {
        if var open = sockDiag.take(), let rows = try? open.listeners() {
            sockDiag = consume open
            return rows
        }
        var table = ProcSocketTable(proc)
        return try table.listeners()
    }
}

extension Sequence<SocketRow> {
    /// Whether one of these LISTEN sockets takes connections to a port.
    ///
    /// - Parameter address: nil for any address.
    func accept(_ port: UInt16, at address: IPAddress?) -> Bool {
        contains { row in
            guard row.localPort == port else { return false }
            guard let address else { return true }
            if row.localAddress == address { return true }
            if address.isIPv4 { return row.localAddress == .anyIPv4 || row.localAddress == .anyIPv6 && !row.isV6Only }
            return row.localAddress == .anyIPv6
        }
    }
}
