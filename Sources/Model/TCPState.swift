/// The state of a TCP socket, by the kernel's own number (include/net/tcp_states.h), which both
/// /proc/net/tcp and sock_diag give.
public enum TCPState: UInt8, CaseIterable, Sendable {
    case established = 1
    case synSent = 2
    case synRecv = 3
    case finWait1 = 4
    case finWait2 = 5
    case timeWait = 6
    case close = 7
    case closeWait = 8
    case lastAck = 9
    case listen = 10
    case closing = 11
    /// A connection request that has no socket of its own yet. The kernel prints it as SYN_RECV;
    /// the readers keep the two apart, because a request has its listener's port and holds none
    /// of its own.
    case newSynRecv = 12
    /// A socket that is bound and neither listens nor is connected. Only sock_diag of Linux 6.8 and
    /// later shows them.
    case boundInactive = 13

    /// The state's name in labels: lower case with underscores. NEW_SYN_RECV goes by the name the
    /// kernel prints, `syn_recv`.
    public var name: String {
        switch self {
        case .established: "established"
        case .synSent: "syn_sent"
        case .synRecv, .newSynRecv: "syn_recv"
        case .finWait1: "fin_wait1"
        case .finWait2: "fin_wait2"
        case .timeWait: "time_wait"
        case .close: "close"
        case .closeWait: "close_wait"
        case .lastAck: "last_ack"
        case .listen: "listen"
        case .closing: "closing"
        case .boundInactive: "bound_inactive"
        }
    }
}
