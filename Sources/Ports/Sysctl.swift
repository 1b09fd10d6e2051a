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
}

/// The values of the sysctls in one network namespace, in the kernel's own units; one that the kernel does not have is
/// missing.
public typealias SysctlValues = [Sysctl: Int]
