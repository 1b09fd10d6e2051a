import Advice
import Model
import Testing

@Suite("What is said of a port that is taken")
struct HeldPortTests {
    private static let port: Port = 50_051

    private static func row(_ state: TCPState, remaining: UInt32 = 0) -> SocketRow {
        let isAlone = state == .listen || state == .boundInactive
        return SocketRow(
            localAddress: IPAddress(10, 0, 0, 5),
            localPort: port,
            remoteAddress: isAlone ? .anyIPv4 : IPAddress(10, 0, 0, 9),
            remotePort: isAlone ? 0 : 443,
            state: state,
            isTimeWaitMiniSocket: state == .timeWait,
            timerRemaining: remaining
        )
    }

    private static func held(_ sockets: [(row: SocketRow, isAccepted: Bool, inode: UInt64)]) -> HeldPort {
        var held = HeldPort(
            end: ListenerEnd(row(.listen)),
            obstacles: sockets.map {
                PortObstacle(socket: OwnedSocket(row: $0.row, user: 34, inode: $0.inode), isAccepted: $0.isAccepted)
            }
        )
        held.owners.processes[7] = SocketProcess(pid: 75, name: "backup", unit: "backup.service")
        held.owners.userNames[34] = "backup"
        held.range = PortRange(low: 32_768, high: 60_999).map { EphemeralRange(ports: $0, reserved: PortSet()) }
        return held
    }

    @Test("The holder of an outgoing connection is to be stopped, and the port reserved")
    func squatter() {
        let held = Self.held([(Self.row(.established), false, 7)])
        #expect(held.name == "port 50051 on 10.0.0.5")
        let text = "10.0.0.5:50051 -> 10.0.0.9:443 ESTABLISHED of backup (pid 75, backup.service), until it is closed"
        #expect(held.holders == text)
        let cure = "stop the holder: sudo systemctl stop backup.service; reserve the port: "
        #expect(held.cure == cure + "timewait_exporter reserve --ports=50051")
    }

    @Test("Where the process is hidden its user is named, with the command that shows more")
    func hidden() {
        let listener = Self.held([(Self.row(.listen), false, 8)])
        #expect(listener.holders == "10.0.0.5:50051 LISTEN of a process of user backup (uid 34), until it is closed")
        #expect(listener.cure == "find the holder: sudo ss -tanp 'sport = :50051'")
        // ss of Debian 12 does not list sockets that are only bound.
        let bound = Self.held([(Self.row(.boundInactive), false, 8)])
        #expect(bound.cure == "find the holder: sudo timewait_exporter diagnose --services.ports=50051")
    }

    @Test("TIME_WAITs are counted by who opened them, with the time of the last one")
    func timeWaits() {
        let rows = [(UInt32(12_000), true), (48_200, true), (0, false)]
        let held = Self.held(rows.map { (Self.row(.timeWait, remaining: $0.0), $0.1, 0) })
        #expect(
            held.holders == """
                2 TIME_WAITs of connections accepted on it, the last gone in 48 to 53 s; 1 TIME_WAIT of outgoing \
                connections, the last gone in 0 to 5 s
                """
        )
        let cure = "wait longer than 64 s, with a longer --timeout; let the service set SO_REUSEADDR before bind()"
        #expect(held.cure.hasPrefix(cure))
    }

    @Test("Of many sockets three are named, listeners first")
    func many() {
        let connections = Array(repeating: (row: Self.row(.established), isAccepted: true, inode: UInt64(0)), count: 9)
        let held = Self.held(connections + [(Self.row(.listen), false, 7)])
        #expect(held.holders.hasPrefix("10.0.0.5:50051 LISTEN of backup (pid 75, backup.service), until "))
        #expect(held.holders.hasSuffix("ESTABLISHED without a process, until it is closed; 7 sockets more"))
    }
}
