package import Ports

/// Counts how often the watched sysctls were seen to change. A value that could not be read for a while and came back
/// is no change.
package struct SysctlChanges: Sendable {
    /// Changes by the name of the sysctl's file, for every sysctl that was ever read.
    package private(set) var counts: [String: UInt64] = [:]
    private var values: SysctlValues = [:]
    private var range: EphemeralRange?

    /// Nothing seen yet.
    package init() {}

    /// Takes in the values of one moment; nil for what could not be read.
    package mutating func note(_ values: SysctlValues?, range: EphemeralRange?) {
        for (name, value) in values ?? [:] {
            count(name.rawValue, from: self.values[name], to: value)
            self.values[name] = value
        }
        if let range {
            count("ip_local_port_range", from: self.range?.ports, to: range.ports)
            count("ip_local_reserved_ports", from: self.range?.reserved, to: range.reserved)
            self.range = range
        }
    }

    private mutating func count<Value: Equatable>(_ name: String, from before: Value?, to now: Value) {
        let changed = before != nil && before != now
        counts[name, default: 0] += changed ? 1 : 0
    }
}
