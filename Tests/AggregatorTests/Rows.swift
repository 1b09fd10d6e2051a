import Model

@testable import Aggregator

/// Short words for rows, so that a test reads like the table it makes.
extension SocketRow {
    /// A LISTEN row.
    static func listen(
        _ address: IPAddress,
        _ port: Port,
        queue: UInt32 = 0,
        limit: UInt32 = 0,
        device: UInt32 = 0,
        isV6Only: Bool = false,
        cookie: UInt64 = 0
    ) -> SocketRow {
        SocketRow(
            localAddress: address,
            localPort: port,
            remoteAddress: address.isIPv4 ? .anyIPv4 : .anyIPv6,
            remotePort: 0,
            state: .listen,
            receiveQueue: queue,
            sendQueue: limit,
            device: device,
            isV6Only: isV6Only,
            cookie: cookie
        )
    }

    /// A row of a connection.
    static func socket(
        _ state: TCPState,
        _ local: (IPAddress, Port),
        _ remote: (IPAddress, Port),
        isMiniSocket: Bool? = nil,
        remaining: Double = 0,
        device: UInt32 = 0,
        cookie: UInt64 = 0
    ) -> SocketRow {
        SocketRow(
            localAddress: local.0,
            localPort: local.1,
            remoteAddress: remote.0,
            remotePort: remote.1,
            state: state,
            isTimeWaitMiniSocket: isMiniSocket ?? (state == .timeWait),
            device: device,
            timerRemaining: UInt32(remaining * 1000),
            cookie: cookie
        )
    }
}

extension IPAddress {
    static let loopback = IPAddress(127, 0, 0, 1)
    static let loopback6 = IPAddress(high: 0, low: 1)
    /// An own address that is not loopback.
    static let own = IPAddress(10, 9, 9, 1)
    /// An address of another host.
    static let remote = IPAddress(192, 0, 2, 7)
}

extension Instant {
    /// A number of seconds after the first moment of a test.
    static func after(_ seconds: Double) -> Instant { Instant(nanoseconds: 0) + seconds }
}

extension EphemeralRange {
    /// A range with reserved ports.
    init(_ low: Port, _ high: Port, reserved: [Port] = []) {
        var set = PortSet()
        for port in reserved { set.insert(port) }
        guard let ports = PortRange(low: low, high: high) else { preconditionFailure("\(low) is above \(high)") }
        self.init(ports: ports, reserved: set)
    }
}

extension Memory {
    /// A memory with these limits.
    init(ports: Int, remembered: Int = 10, sockets: Int = 1000) {
        var settings = AccountingSettings()
        settings.portsLimit = ports
        settings.portsRemembered = remembered
        settings.socketsLimit = sockets
        self.init(settings)
    }

    /// One reading of a table: its rows in any order.
    mutating func report(
        _ rows: [SocketRow],
        range: EphemeralRange? = EphemeralRange(32_768, 60_999),
        addresses: LocalAddresses? = LocalAddresses([.init(.own)]),
        sysctls: SysctlValues? = [.tcpTWReuse: 0, .tcpTimestamps: 1],
        bound: [SocketRow]? = nil,
        udp: PortSet? = nil,
        recycled: UInt64? = 0,
        at now: Instant = .after(0)
    ) -> PortReport {
        let facts = NamespaceFacts(
            knowsBound: bound != nil,
            range: range,
            addresses: addresses,
            sysctls: sysctls,
            udpPorts: udp,
            recycled: recycled
        )
        var reading = Reading(facts, &self, at: now)
        reading.rows(
            (rows.filter { $0.state == .listen } + (bound ?? []) + rows.filter { $0.state != .listen }).span,
            readAt: now
        )
        return reading.finish(&self)
    }
}

extension Memory {
    /// Takes in a look at the listeners, and refreshes a report.
    ///
    /// - Returns: whether a service has vanished.
    mutating func look(
        at listening: [SocketRow],
        updating report: inout PortReport,
        _ range: EphemeralRange?,
        at now: Instant
    ) -> Bool {
        report.refresh(look(at: listening, range, at: now))
        return hasVanished
    }
}

extension EphemeralUse {
    /// Usable ports, and of them those used by state: established, other, TIME_WAIT.
    var states: [Int] { [usable, established, other, timeWait] }
}

extension ServiceLine {
    /// When it is free, in seconds after the first moment of a test, to a microsecond.
    var freeAfter: Double? {
        guard case .from(let moment) = holders?.free else { return nil }
        return ((moment - .after(0)) * 1e6).rounded() / 1e6
    }
}
