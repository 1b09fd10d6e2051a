package import Ports

extension ProcFilesystem {
    /// Reads every watched sysctl that holds a number. One that the kernel does not have is missing from the result;
    /// where none is there, they could not be read: no kernel is without all of them.
    package func sysctlValues() throws(ReadError) -> SysctlValues {
        var values: SysctlValues = [:]
        var missing: ReadError?
        for name in Sysctl.allCases {
            let path = sysctl(name.rawValue)
            do {
                values[name] = try withSysctl(path) { (line) throws(ReadError) in
                    guard let value = line.decimal(in: 0..<line.count, as: Int.self) else {
                        throw .malformed(path, "'\(line.text(in: 0..<line.count))', expected a number")
                    }
                    return value
                }
            } catch let error where error.reason == .notFound {
                // An older kernel, or one that keeps this value for the whole machine and shows it in the first
                // namespace only.
                missing = error
            }
        }
        if values.isEmpty, let missing { throw missing }
        return values
    }

    /// Reads ip_local_port_range and ip_local_reserved_ports, which every namespace has since Linux 3.16.
    package func ephemeralRange() throws(ReadError) -> EphemeralRange {
        EphemeralRange(ports: try localPortRange(), reserved: try localReservedPorts())
    }

    /// "low\thigh\n" (ipv4_local_port_range(), net/ipv4/sysctl_net_ipv4.c).
    private func localPortRange() throws(ReadError) -> PortRange {
        let path = sysctl("ip_local_port_range")
        return try withSysctl(path) { (line) throws(ReadError) in
            var position = 0
            guard let first = line.word(at: &position, before: line.count),
                let low = line.decimal(in: first, as: Port.self),
                let second = line.word(at: &position, before: line.count),
                let high = line.decimal(in: second, as: Port.self),
                line.word(at: &position, before: line.count) == nil, let range = PortRange(low: low, high: high)
            else {
                throw .malformed(path, "'\(line.text(in: 0..<line.count))', expected two ports, the lower one first")
            }
            return range
        }
    }

    /// The longest list, of pairs, is 254,738 bytes; of single ports it is 191,053. Both were measured on Linux 6.18.
    private func localReservedPorts() throws(ReadError) -> PortSet {
        let path = sysctl("ip_local_reserved_ports")
        return try withSysctl(path, atMost: 256 * 1024) { (line) throws(ReadError) in
            do throws(PortSet.ListError) {
                return try PortSet(list: line)
            } catch {
                throw .malformed(path, error.description)
            }
        }
    }
}
