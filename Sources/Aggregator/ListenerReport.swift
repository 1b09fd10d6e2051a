package import Model

/// What LISTEN rows say: the part of a report that is brought up to date between two readings of
/// the table.
package struct ListenerReport: Sendable {
    fileprivate let rows: [SocketRow]
    fileprivate let byPort: [Port: [SocketRow]]
    fileprivate let home: PortSet
    fileprivate let listening: ListeningPorts?

    /// The report of the LISTEN rows of one moment.
    ///
    /// - Parameters:
    ///   - home: the ports whose service listens.
    ///   - range: the ephemeral range; nil where it could not be read.
    package init(_ rows: [SocketRow], home: PortSet, range: EphemeralRange?) {
        self.rows = rows
        self.home = home
        byPort = Dictionary(grouping: rows, by: \.localPort)
        listening = range.map { [byPort] in ListeningPorts(byPort.keys, in: $0) }
    }
}

extension PortReport {
    /// Brings the part up to date that follows from the listeners alone. A port that is new is
    /// chosen at the next reading of the table.
    package mutating func refresh(_ listeners: ListenerReport) {
        for family in AddressFamily.allCases {
            table[family, .listen] = listeners.rows.count { $0.localAddress.isIPv4 == (family == .ipv4) }
        }
        listening = listeners.listening
        occupancy.listening = PortSet(listeners.byPort.keys)
        // Only sock_diag gives the limits of the queues, and cookies.
        let knowsLimit = listeners.rows.contains { $0.cookie != 0 }
        for index in ports.indices {
            let rows = listeners.byPort[ports[index].port] ?? []
            ports[index].listeners = rows.count
            ports[index].acceptQueue = rows.reduce(0) { $0 + Int($1.receiveQueue) }
            ports[index].acceptQueueLimit = knowsLimit ? rows.reduce(0) { $0 + Int($1.sendQueue) } : nil
        }
        for index in services.indices {
            let isListening = listeners.home.contains(services[index].port)
            guard isListening != services[index].isListening else { continue }
            services[index].isListening = isListening
            // Who holds it now is known at the next reading of the table.
            services[index].holders = nil
        }
    }
}
