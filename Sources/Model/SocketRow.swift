/// One socket, the same from every source of the kernel's table. 64 bytes: a cache line.
public struct SocketRow: Equatable, Sendable {
    /// The local address; a wildcard for most listeners.
    public var localAddress: IPAddress
    /// The remote address; a wildcard for listeners.
    public var remoteAddress: IPAddress
    /// The port that the socket holds; for a connection request that of its listener.
    public var localPort: Port
    /// The remote port; 0 for listeners.
    public var remotePort: Port
    /// `newSynRecv` for a connection request over either source; `boundInactive` over sock_diag
    /// only.
    public var state: TCPState
    /// Whether the row is a mini-socket of the kernel's TIME_WAIT table (timer 3): TIME_WAIT
    /// itself, or FIN_WAIT2 that nobody owns any more, which the kernel's own `tw` count includes
    /// (inet_twsk_alloc(), net/ipv4/inet_timewait_sock.c).
    public var isTimeWaitMiniSocket: Bool
    /// Whether a listener on `::` takes IPv6 only. False over procfs, which does not say.
    public var isV6Only: Bool
    /// `rx_queue`: for a listener the connections that wait for accept(); else bytes received and
    /// not yet read.
    public var receiveQueue: UInt32
    /// `idiag_wqueue`: for a listener how many connections may wait for accept(), as listen()
    /// asked; else bytes not yet acknowledged. 0 over procfs, which has another number there.
    public var sendQueue: UInt32
    /// The interface that the socket is bound to (SO_BINDTODEVICE, or the zone of a link-local
    /// address), by its index (`idiag_if`); 0 where it is bound to none, and over procfs.
    public var device: UInt32
    /// How long a mini-socket of the TIME_WAIT table has left, in milliseconds; 0 once its time is
    /// over and it only waits for the kernel's timer, and for other sockets.
    public var timerRemaining: UInt32
    /// The kernel's number of the socket, which no other socket ever gets; 0 where the source does
    /// not have it.
    public var cookie: UInt64

    /// A row from its parts.
    public init(
        localAddress: IPAddress,
        localPort: Port,
        remoteAddress: IPAddress,
        remotePort: Port,
        state: TCPState,
        isTimeWaitMiniSocket: Bool = false,
        receiveQueue: UInt32 = 0,
        sendQueue: UInt32 = 0,
        device: UInt32 = 0,
        isV6Only: Bool = false,
        timerRemaining: UInt32 = 0,
        cookie: UInt64 = 0
    ) {
        self.localAddress = localAddress
        self.remoteAddress = remoteAddress
        self.localPort = localPort
        self.remotePort = remotePort
        self.state = state
        self.isTimeWaitMiniSocket = isTimeWaitMiniSocket
        self.receiveQueue = receiveQueue
        self.sendQueue = sendQueue
        self.device = device
        self.isV6Only = isV6Only
        self.timerRemaining = timerRemaining
        self.cookie = cookie
    }

    /// Whether the local end is an IPv4 address, v4-mapped or not.
    @inlinable public var isIPv4: Bool { localAddress.high == 0 && localAddress.low >> 32 == 0xFFFF }

    /// A socket that was closed by its owner and waits for the other end's FIN. Full sockets in
    /// FIN_WAIT2 still have an owner.
    public var isOrphanFinWait2: Bool { state == .finWait2 && isTimeWaitMiniSocket }
}

/// A consumer of the socket table's rows, as they are read.
///
/// LISTEN rows and those of sockets that are only bound come before all others, which they
/// classify. A call brings up to 64 rows of a datagram or page, so that calls are rare and each
/// side is a loop of its own that keeps its tables in registers and spans (measured:
/// docs/benchmark).
public protocol RowSink: ~Copyable {
    /// Takes rows that were read from the kernel at one moment.
    mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant)
}
