import Model
import Testing

@testable import Aggregator

@Suite("The sockets that keep a service from its port")
struct PortObstacleTests {
    private static let port: Port = 50_051
    private static let client: (IPAddress, Port) = (IPAddress(192, 0, 2, 7), 40_000)
    private static let target: (IPAddress, Port) = (IPAddress(192, 0, 2, 9), 443)

    private var obstacles = PortObstacles(
        to: ListenerEnd(.listen(.anyIPv4, port)),
        reusesAddress: true
    )

    private static func connection(_ state: TCPState, _ remote: (IPAddress, Port)) -> SocketRow {
        .socket(state, (.own, port), remote, remaining: state == .timeWait ? 50 : 0)
    }

    private static func owned(_ row: SocketRow, inode: UInt64 = 0) -> OwnedSocket {
        OwnedSocket(row: row, user: 0, inode: inode)
    }

    private mutating func find(_ rows: [SocketRow], at seconds: Double) -> [SocketRow] {
        var surroundings = PortObstacles.Surroundings()
        surroundings.listeners = rows.filter { $0.state == .listen }
        let now = Instant(nanoseconds: 1_000_000_000_000) + seconds
        return obstacles.find(among: rows.map { Self.owned($0) }, surroundings, at: now).map(\.socket.row)
    }

    @Test("With SO_REUSEADDR a listener is in the way, and the connections that it accepted are not")
    mutating func listener() {
        let listener = SocketRow.listen(.anyIPv4, Self.port)
        let accepted = Self.connection(.established, Self.client)
        #expect(find([listener, accepted], at: 0) == [listener])
        #expect(find([accepted], at: 1).isEmpty)
        #expect(find([Self.connection(.timeWait, Self.client)], at: 2).isEmpty)
    }

    @Test("With SO_REUSEADDR an outgoing connection is in the way, and so is the TIME_WAIT that it leaves")
    mutating func squatter() {
        for (second, state) in [TCPState.established, .finWait2, .timeWait].enumerated() {
            let row = Self.connection(state, Self.target)
            #expect(find([row], at: Double(second)) == [row])
        }
    }

    @Test("The answer of a socket replaces the assumption, also for the TIME_WAIT that it leaves")
    mutating func answers() {
        func options(_ reuses: Bool) -> SocketOptions {
            SocketOptions(reusesAddress: reuses, reusesPort: false, bindsWithoutPort: nil)
        }
        let outgoing = Self.connection(.established, Self.target)
        #expect(obstacles.asks(Self.owned(outgoing, inode: 7)) && !obstacles.asks(Self.owned(outgoing)))
        obstacles.note(options(true), of: Self.owned(outgoing, inode: 7))
        #expect(find([outgoing], at: 0).isEmpty)
        #expect(find([Self.connection(.timeWait, Self.target)], at: 1).isEmpty)
        // A listener without the flag gives none to what it accepts.
        let listener = SocketRow.listen(.anyIPv4, Self.port)
        let accepted = Self.connection(.timeWait, Self.client)
        obstacles.note(options(false), of: Self.owned(listener, inode: 8))
        #expect(find([listener, accepted], at: 2) == [listener, accepted])
        #expect(find([accepted], at: 3) == [accepted])
    }

    @Test("Without SO_REUSEADDR every socket on an overlapping address is in the way, and no other")
    mutating func plain() {
        obstacles = PortObstacles(to: ListenerEnd(.listen(.loopback, Self.port)), reusesAddress: false)
        let elsewhere = Self.connection(.timeWait, Self.client)
        let here = SocketRow.socket(.timeWait, (.loopback, Self.port), (.loopback, 40_000), remaining: 50)
        let everywhere = SocketRow.listen(.anyIPv6, Self.port)
        #expect(find([elsewhere, here, everywhere], at: 0) == [here, everywhere])
    }
}
