package import Ports

/// Counts how often the watched sysctls were seen to change. A value that could not be read for a while and came back
/// is no change.
package struct SysctlChanges: Sendable {
    /// Changes by the name of the sysctl's file, for every sysctl that was ever read.
    package private(set) var counts: [String: UInt64] = [:]
    private var values: SysctlValues = [:]
    private var ports = PortSysctls()

    /// Nothing seen yet.
    package init() {}

    /// Takes in the values of one moment; nil for what could not be read.
    package mutating func note(_ values: SysctlValues?, _ ports: PortSysctls) {
        for (name, value) in values?.known ?? [:] {
            count(name.rawValue, from: self.values[name], to: value)
            self.values[name] = value
        }
        if let range = ports.ports {
            count("ip_local_port_range", from: self.ports.ports, to: range)
            self.ports.ports = range
        }
        if let reserved = ports.reserved {
            count("ip_local_reserved_ports", from: self.ports.reserved, to: reserved)
            self.ports.reserved = reserved
        }
    }

    private mutating func count<Value: Equatable>(_ name: String, from before: Value?, to now: Value) {
        let changed = before != nil && before != now
        counts[name, default: 0] += changed ? 1 : 0
    }
}
