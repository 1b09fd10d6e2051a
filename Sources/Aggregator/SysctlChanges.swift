package import Model

/// Counts how often the watched sysctls were seen to change. A value that could not be read for a while and came back
/// is no change.
package struct SysctlChanges: Sendable {
    /// Changes by the name of the sysctl's file, for every sysctl that was ever read.
    package private(set) var counts: [String: UInt64] = [:]
    /// The last change of each sysctl that was seen to change.
    package private(set) var latest: [SysctlChange] = []
    private var values: SysctlValues = [:]
    private var ports = PortSysctls()

    /// Nothing seen yet.
    package init() {}

    /// Takes in the values of one moment; nil for what could not be read.
    package mutating func note(_ values: SysctlValues?, _ ports: PortSysctls, at now: Instant) {
        for (name, value) in values?.known ?? [:] {
            note(name.rawValue, from: self.values[name], to: value, at: now) { "\($0)" }
            self.values[name] = value
        }
        if let range = ports.ports {
            note("ip_local_port_range", from: self.ports.ports, to: range, at: now) { "\($0.low)-\($0.high)" }
            self.ports.ports = range
        }
        if let reserved = ports.reserved {
            note("ip_local_reserved_ports", from: self.ports.reserved, to: reserved, at: now) { $0.listText }
            self.ports.reserved = reserved
        }
    }

    private mutating func note<Value: Equatable>(
        _ name: String,
        from before: Value?,
        to value: Value,
        at now: Instant,
        _ text: (Value) -> String
    ) {
        counts[name, default: 0] += 0
        guard let before, before != value else { return }
        counts[name, default: 0] += 1
        latest.removeAll { $0.name == name }
        latest.append(SysctlChange(name: name, before: text(before), after: text(value), at: now))
    }
}
