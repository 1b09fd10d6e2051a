import Model

/// Whether the next connect() to the same destination may take over a TIME_WAIT: tcp_twsk_unique(),
/// net/ipv4/tcp_ipv4.c.
///
/// The kernel does so only where the connection had timestamps, which need both ends. A row does not show them.
struct ReuseRule: Equatable, Sendable {
    /// What is known of the TIME_WAITs towards a destination.
    enum Standing: Equatable, Sendable {
        /// They cannot be reused.
        case never
        /// They can, once they are old enough.
        case afterDelay
        /// They can if the other end has timestamps, and nobody knows whether it has.
        case unknown
    }

    private let mode: Int
    /// The age in milliseconds above which one may be taken.
    let delay: Int

    /// The rule of a namespace; nil where a sysctl that decides could not be read.
    init?(_ sysctls: SysctlValues) {
        guard sysctls.unreadable.isDisjoint(with: [.tcpTWReuseDelay, .tcpTWTimeout]) else { return nil }
        guard let mode = sysctls[.tcpTWReuse], let timestamps = sysctls[.tcpTimestamps] else { return nil }
        self.mode = timestamps == 0 ? 0 : mode
        // Before Linux 6.14 more than one second, by a clock of seconds: at two seconds it is certain.
        delay = sysctls[.tcpTWReuseDelay] ?? 2000
    }

    /// What is known of a destination's TIME_WAITs.
    ///
    /// - Parameters:
    ///   - isOwn: whether the destination is an address of this namespace: then both ends have its timestamps.
    ///   - hasTimestamps: what is known of the timestamps of another host.
    func standing(_ destination: Destination, isOwn: Bool, hasTimestamps: Bool?) -> Standing {
        switch mode {
        case 0: .never
        case 2:
            // Bound to lo counts as well, which has the index 1 in every namespace (LOOPBACK_IFINDEX).
            destination.source.isLoopback || destination.address.isLoopback || destination.device == 1
                ? .afterDelay : .never
        default:
            if isOwn {
                .afterDelay
            } else {
                switch hasTimestamps {
                case nil: .unknown
                case true?: .afterDelay
                case false?: .never
                }
            }
        }
    }
}
