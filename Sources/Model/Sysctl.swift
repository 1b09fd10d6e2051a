/// The sysctls of net.ipv4 that hold one number and decide what TIME_WAIT and port selection do, by the names of their
/// files.
public enum Sysctl: String, CaseIterable, Sendable {
    case tcpFinTimeout = "tcp_fin_timeout"
    case tcpTWReuse = "tcp_tw_reuse"
    /// Milliseconds; kernels before 6.14 have none.
    case tcpTWReuseDelay = "tcp_tw_reuse_delay"
    /// Seconds; only Alibaba Cloud Linux has it.
    case tcpTWTimeout = "tcp_tw_timeout"
    case tcpTimestamps = "tcp_timestamps"
    case tcpRFC1337 = "tcp_rfc1337"
    case tcpMaxTWBuckets = "tcp_max_tw_buckets"
    case ipUnprivilegedPortStart = "ip_unprivileged_port_start"
    case ipAutobindReuse = "ip_autobind_reuse"

    /// The values that mean something (net/ipv4/sysctl_net_ipv4.c). The kernel takes others for some, such as -1 for
    /// tcp_max_tw_buckets.
    public var possibleValues: ClosedRange<Int> {
        switch self {
        case .tcpFinTimeout, .tcpMaxTWBuckets: 0...Int(Int32.max)
        case .tcpTWReuse: 0...2
        case .tcpTWReuseDelay: 1...60_000
        case .tcpTWTimeout: 1...600
        case .tcpTimestamps, .tcpRFC1337: 0...255
        case .ipUnprivilegedPortStart: 0...65_535
        case .ipAutobindReuse: 0...1
        }
    }
}

/// The values of the sysctls in one network namespace, in the kernel's own units.
public struct SysctlValues: Equatable, Sendable {
    /// The values that were read. One that the kernel does not have, or that could not be read, is missing.
    public private(set) var known: [Sysctl: Int] = [:]
    /// The sysctls that the kernel has, and of which no possible value could be read. Nobody knows what holds for them;
    /// for one that the kernel does not have, what is built into the kernel does.
    public var unreadable: Set<Sysctl> = []

    /// The value of a sysctl; nil where it is not known.
    public subscript(name: Sysctl) -> Int? {
        get { known[name] }
        set { known[name] = newValue }
    }
}

extension SysctlValues: ExpressibleByDictionaryLiteral {
    /// Values that were all read.
    public init(dictionaryLiteral elements: (Sysctl, Int)...) {
        known = Dictionary(uniqueKeysWithValues: elements)
    }
}

/// A change of a sysctl that was seen.
package struct SysctlChange: Equatable, Sendable {
    /// The name of its file.
    package var name: String
    /// Its value before, as the kernel prints it; a list of ports without spaces.
    package var before: String
    /// Its value since.
    package var after: String
    /// When it was seen.
    package var at: Instant

    package init(name: String, before: String, after: String, at: Instant) {
        self.name = name
        self.before = before
        self.after = after
        self.at = at
    }
}
