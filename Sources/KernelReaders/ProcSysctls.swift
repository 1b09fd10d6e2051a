package import Model

extension ProcFilesystem {
    /// Reads every watched sysctl that holds a number, each by itself. One that the kernel does not
    /// have, or whose value is not possible, is missing from the result; where no file is there,
    /// they could not be read: no kernel is without all of them.
    package func sysctlValues() throws(ReadError) -> Partial<SysctlValues> {
        var values: SysctlValues = [:]
        var failures: [ReadError] = []
        var missing: ReadError?
        for name in Sysctl.allCases {
            do throws(ReadError) {
                values[name] = try value(of: name)
            } catch {
                if error.reason == .notFound {
                    // An older kernel, or one that keeps this value for the whole machine and shows
                    // it in the first namespace only.
                    missing = error
                } else {
                    failures.append(error)
                    values.unreadable.insert(name)
                }
            }
        }
        if values.known.isEmpty, let error = failures.first ?? missing { throw error }
        return Partial(value: values, failures: failures)
    }

    private func value(of name: Sysctl) throws(ReadError) -> Int {
        let path = sysctl(name.rawValue)
        return try withSysctl(path) { (line) throws(ReadError) in
            let possible = name.possibleValues
            guard let value = line.decimal(in: 0..<line.count, as: Int.self), possible.contains(value) else {
                let expected = "a number from \(possible.lowerBound) to \(possible.upperBound)"
                throw .malformed(path, "'\(line.text(in: 0..<line.count))', expected \(expected)")
            }
            return value
        }
    }

    /// Reads ip_local_port_range and ip_local_reserved_ports, which every namespace has since Linux
    /// 3.16, each by itself.
    package func portSysctls() throws(ReadError) -> Partial<PortSysctls> {
        var failures = PartFailures()
        let ports = failures.part { () throws(ReadError) in try localPortRange() }
        let reserved = failures.part { () throws(ReadError) in try localReservedPorts() }
        if ports == nil, reserved == nil { throw failures.errors[0] }
        return Partial(value: PortSysctls(ports: ports, reserved: reserved), failures: failures.errors)
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

    /// The longest list, of pairs, is 254,738 bytes; of single ports it is 191,053. Both were
    /// measured on Linux 6.18.
    private func localReservedPorts() throws(ReadError) -> PortSet {
        let path = sysctl("ip_local_reserved_ports")
        return try withSysctl(path, atMost: 256 * 1024, isList: true) { (line) throws(ReadError) in
            do throws(PortSet.ListError) {
                return try PortSet(list: line)
            } catch {
                throw .malformed(path, error.description)
            }
        }
    }
}

extension ProcFilesystem {
    /// The name of the machine, as the reader's UTS namespace has it; nil where it cannot be read.
    package var hostName: String? { text("hostname") }

    /// The kernel's version, such as `6.1.0-28-amd64`; nil where it cannot be read.
    package var kernelRelease: String? { text("osrelease") }

    private func text(_ file: String) -> String? {
        try? withSysctl(mount + "/sys/kernel/" + file) { line in line.text(in: 0..<line.count) }
    }

    /// Whether sock_diag of this kernel lists sockets that are bound and neither listen nor are
    /// connected: Linux 6.8. An older one does not refuse the question, it answers with none; so
    /// the version decides.
    package func tellsBoundSockets() throws(ReadError) -> Bool {
        let path = mount + "/sys/kernel/osrelease"
        return try withSysctl(path) { (line) throws(ReadError) in
            // "6.18.44-amd64"
            var numbers: [Int] = []
            var start = 0
            for index in 0..<line.count where line[index] == UInt8(ascii: ".") {
                guard let number = line.decimal(in: start..<index, as: Int.self) else { break }
                numbers.append(number)
                start = index + 1
            }
            guard numbers.count >= 2 else {
                throw .malformed(path, "'\(line.text(in: 0..<line.count))', expected a version such as 6.1.0")
            }
            return (numbers[0], numbers[1]) >= (6, 8)
        }
    }
}
