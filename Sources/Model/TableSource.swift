/// The ways to read the socket table, by the label `source` of `timewait_sampler_source_info`.
package enum TableSource: String, CaseIterable, Sendable {
    /// A dump over NETLINK_SOCK_DIAG.
    case sockDiag = "sock_diag"
    /// /proc/net/tcp and tcp6.
    case procfs
}
