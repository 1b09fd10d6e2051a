import KernelReaders
import Model
import Prober

/// The LISTEN sockets of this host as targets (`--listeners`).
struct ListenerTargets: ~Copyable {
    private var table: ListenTable
    private let module: ProbeModule
    private let included: PortSet?
    private let excluded: PortSet

    /// - Parameter excluded: ports that are not probed, such as the prober's own.
    init(_ module: ProbeModule, included: PortSet?, excluded: PortSet, procfs: String) {
        table = ListenTable(procfs: procfs)
        self.module = module
        self.included = included
        self.excluded = excluded
    }

    /// Reads the LISTEN sockets of now: one target for each address and port. Link-local addresses
    /// are left out, since their interface is missing in what procfs shows.
    mutating func read() throws(ReadError) -> [Target] {
        var seen: Set<String> = []
        var targets: [(port: Port, target: Target)] = []
        for row in try table.read() where !row.localAddress.isLinkLocal {
            let port = row.localPort
            guard included?.contains(port) ?? true, !excluded.contains(port) else { continue }
            let target = Target(listener: row.addressToDial, port, module)
            if seen.insert(target.name).inserted { targets.append((port, target)) }
        }
        return targets.sorted { ($0.port, $0.target.name) < ($1.port, $1.target.name) }.map(\.target)
    }
}

extension SocketRow {
    /// The address at which this host reaches the listener: loopback for a wildcard.
    fileprivate var addressToDial: String {
        switch localAddress {
        case .anyIPv4: "127.0.0.1"
        case .anyIPv6: isV6Only ? "::1" : "127.0.0.1"
        default: localAddress.description
        }
    }
}
