package import Advice
import Aggregator
package import Model

/// A machine that no test could make of real sockets: thousands of listeners, a range of which
/// every port is held.
///
/// The rows are made up; what is said of them comes from the aggregator.
package struct SyntheticMachine: Sendable {
    /// In which states the ports of the range are.
    package enum Pattern: String, CaseIterable, Sendable {
        /// Nothing is held.
        case empty
        /// Every port in a random state, none of them free.
        case random
        /// Every port in a random state, or free.
        case sparse
        /// Of each half every second port ESTABLISHED, and the others in two other states by turns.
        case halves
        /// One port ESTABLISHED, the next in TIME_WAIT.
        case neighbours
    }

    /// How many ports are listened on: of seven six below the range, and one in it.
    package var listeners = 20
    /// The ephemeral range; nil where it could not be read.
    package var range = PortRange(low: 32_768, high: 60_999)
    /// The reserved ports.
    package var reserved = PortSet([50_061])
    /// What is held of the range.
    package var pattern = Pattern.empty
    /// The names of the services, in turn.
    package var names = ["nginx", "payments", "node_exporter", "postgres"]
    /// What the random states begin with.
    package var seed: UInt64 = 1

    /// A machine with 20 listeners, changed as stated.
    package init(_ change: (inout Self) -> Void = { _ in }) { change(&self) }

    /// 2026-11-26 14:03:12 UTC.
    private static let time = 1_795_701_792.0
    private static let own = IPAddress(10, 0, 0, 5)
    private static let now = Instant(nanoseconds: 10_000_000_000_000)

    /// What is known of the machine, and the last hour.
    package var situation: Situation {
        var random = RandomNumbers(state: seed)
        var sample = Sample()
        sample.now = Self.now
        sample.readAt = (Self.now, Self.time)
        sample.source = .sockDiag
        sample.interval = 5
        sample.portSysctls = PortSysctls(ports: range, reserved: reserved)
        sample.sysctls = [.tcpTWReuse: 2, .tcpTimestamps: 1, .tcpFinTimeout: 60, .tcpMaxTWBuckets: 262_144]
        sample.bucketsPeak = 0
        sample.counters = TimeWaitCounters(timeWait: 0, killed: 0, recycled: 0, overflow: 0)
        let listening = listeningPorts.map { port in
            SocketRow(
                localAddress: .anyIPv4,
                localPort: port,
                remoteAddress: .anyIPv4,
                remotePort: 0,
                state: .listen,
                sendQueue: 128,
                cookie: UInt64(port) + 1
            )
        }
        let facts = NamespaceFacts(
            knowsBound: true,
            range: sample.range,
            addresses: LocalAddresses([.init(Self.own)]),
            sysctls: sample.sysctls,
            udpPorts: PortSet(),
            recycled: 0
        )
        var memory = Memory(AccountingSettings())
        var reading = Reading(facts, &memory, at: Self.now)
        reading.rows((listening + rows(&random)).span, readAt: Self.now)
        let report = reading.finish(&memory)
        sample.ports = report
        sample.history = history(of: report, &random)
        var situation = Situation(host: "synthetic-1", kernel: "Linux 6.12.9", sample: sample)
        situation.owners = owners(of: listening)
        situation.time = Self.time + 2
        situation.hasMemory = true
        return situation
    }

    /// The ports that are listened on.
    package var listeningPorts: [Port] {
        guard let range else { return (0..<listeners).map { Port(1024 + 7 * $0) } }
        let inside = listeners / 7
        let outside = (0..<listeners - inside).map { Port(1 + $0 * (Int(range.low) - 1) / max(1, listeners - inside)) }
        return Array(PortSet(outside)) + (0..<inside).map { Port(Int(range.low) + $0 * range.count / max(1, inside)) }
    }

    /// The state of a port of the range; nil where it is free.
    private func state(of port: Port, _ random: inout RandomNumbers) -> TCPState? {
        switch pattern {
        case .empty: nil
        case .random: [.established, .timeWait, .timeWait, .finWait1][Int(random.next() % 4)]
        case .sparse: [.established, .timeWait, nil, .finWait1][Int(random.next() % 4)]
        case .halves: (port / 2).isMultiple(of: 2) ? .established : (port / 4).isMultiple(of: 2) ? .timeWait : .finWait1
        case .neighbours: port.isMultiple(of: 2) ? .established : .timeWait
        }
    }

    private func rows(_ random: inout RandomNumbers) -> [SocketRow] {
        guard let range else { return [] }
        let listening = PortSet(listeningPorts)
        var rows: [SocketRow] = []
        for port in range.low...range.high where !listening.contains(port) {
            guard let state = state(of: port, &random) else { continue }
            rows.append(
                SocketRow(
                    localAddress: Self.own,
                    localPort: port,
                    remoteAddress: IPAddress(10, 20, 0, UInt8(random.next() % 64)),
                    remotePort: 8080,
                    state: state,
                    isTimeWaitMiniSocket: state == .timeWait,
                    timerRemaining: state == .timeWait ? UInt32(random.next() % 60_000) : 0,
                    cookie: UInt64(port) + 100_000
                )
            )
        }
        return rows
    }

    private func owners(of listening: [SocketRow]) -> SocketOwners {
        var owners = SocketOwners()
        owners.userNames = [0: "root"]
        for (index, row) in listening.enumerated() {
            let inode = UInt64(index + 1)
            owners.sockets.append(OwnedSocket(row: row, user: 0, inode: inode))
            guard !names.isEmpty else { continue }
            let name = names[index % names.count]
            owners.processes[inode] = SocketProcess(pid: Int32(index + 100), name: name, unit: "\(name).service")
        }
        return owners
    }

    /// An hour that ends with a report, in which nothing was read for some minutes.
    private func history(of report: PortReport, _ random: inout RandomNumbers) -> History {
        var history = History()
        for step in 0..<History.length {
            var sample = Sample()
            sample.now = Self.now + -History.step * Double(History.length - 1 - step)
            if !(40..<48).contains(step) {
                let noise = Int(random.next() % 100)
                var past = report
                past.table[.ipv4, .timeWait] = max(0, report.table[.ipv4, .timeWait] - noise)
                past.ephemeral?.established = max(0, (report.ephemeral?.established ?? 0) - noise)
                sample.ports = past
                sample.readAt = (sample.now, 0)
            }
            history.note(sample)
        }
        return history
    }
}

/// SplitMix64: the same numbers for the same start.
package struct RandomNumbers: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The numbers that begin with a state.
    package init(state: UInt64) { self.state = state }

    /// The next number.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
