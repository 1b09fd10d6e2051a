/// A service port, and whether its service could bind it now.
package struct ServiceLine: Equatable, Sendable {
    package var port: Port
    /// How the exporter learnt of the service.
    package var origin: Origin
    /// Whether the service listens: there is a listener on its last known address, or on any if
    /// none is known.
    package var isListening: Bool
    /// What holds the port while the service does not listen; nil while it does, and before the
    /// next reading of the table.
    package var holders: ServiceHolders?

    /// The values of the label `origin` of `timewait_service_port_info`.
    package enum Origin: String, CaseIterable, Sendable {
        /// `--services.ports` names it.
        case configured
        /// It is in the ephemeral range and reserved.
        case reserved
        /// A listener came back after it had gone.
        case learnt
    }

    package init(port: Port, origin: Origin, isListening: Bool, holders: ServiceHolders? = nil) {
        self.port = port
        self.origin = origin
        self.isListening = isListening
        self.holders = holders
    }
}

/// What holds a port while its service does not listen.
package struct ServiceHolders: Equatable, Sendable {
    /// When nothing holds a port any more.
    package enum Free: Equatable, Sendable {
        case now
        /// From this moment on at the latest.
        case from(Instant)
        /// Unknown: a live socket holds it.
        case never
    }

    /// Connections that the service had accepted.
    package var own = 0
    /// All other sockets: an outgoing connection, or one that is only bound.
    package var other = 0
    /// Whether bind() to the last known address would succeed without SO_REUSEADDR.
    package var isBindablePlain = true
    /// Whether it would with SO_REUSEADDR, if the service had set it before, too.
    package var isBindableReusing = true
    package var free = Free.now

    package init() {}
}

/// The address, port and interface that a listener is or was bound to.
package struct ListenerEnd: Hashable, Sendable {
    package let address: IPAddress
    package let port: Port
    /// The index of the interface that it is bound to; 0 for all.
    package let device: UInt32
    /// Whether a listener on `::` takes IPv6 only.
    package let isV6Only: Bool

    package init(_ row: borrowing SocketRow) {
        address = row.localAddress
        port = row.localPort
        device = row.device
        isV6Only = row.isV6Only
    }

    /// Whether this end would accept every connection that the other end accepts.
    package func covers(_ other: ListenerEnd) -> Bool {
        guard port == other.port, device == 0 || device == other.device else { return false }
        if address == other.address { return !isV6Only || other.isV6Only || address != .anyIPv6 }
        return takes(other.address)
    }

    /// Whether this end and a socket conflict on their port unless their socket options allow
    /// sharing (inet_rcv_saddr_equal(), net/ipv4/inet_connection_sock.c).
    package func overlaps(_ row: borrowing SocketRow) -> Bool { overlaps(ListenerEnd(row)) }

    func overlaps(_ other: ListenerEnd) -> Bool {
        guard device == 0 || other.device == 0 || device == other.device else { return false }
        if address == other.address || takes(other.address) || other.takes(address) { return true }
        // An IPv6 socket without IPV6_V6ONLY conflicts with 0.0.0.0 whatever its own address
        // (ipv4_rcv_saddr_equal()). For connections the kernel does not report the option, and
        // isV6Only is false.
        return address == .anyIPv4 && !other.address.isIPv4 && !other.isV6Only
    }

    /// Whether TIME_WAITs of connections that `accepting` accepted prevent bind() to this end,
    /// unless the options of both sockets allow sharing.
    ///
    /// A TIME_WAIT has the address that its client dialed. TIME_WAITs that a wildcard accepted are
    /// assumed not to have this end's own address: a listener with that address would have accepted
    /// their connections.
    package func isBlocked(byTimeWaitsOf accepting: ListenerEnd) -> Bool {
        if self == accepting { return true }
        if accepting.isWildcard, !isWildcard { return false }
        return overlaps(accepting)
    }

    /// Whether it takes every address of a family, or of both.
    var isWildcard: Bool { address == .anyIPv4 || address == .anyIPv6 }

    /// Whether this end is a wildcard that includes an address.
    package func takes(_ other: IPAddress) -> Bool {
        switch address {
        case .anyIPv4: other.isIPv4
        case .anyIPv6: !(isV6Only && other.isIPv4)
        default: false
        }
    }
}
