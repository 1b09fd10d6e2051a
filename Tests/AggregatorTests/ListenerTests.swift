import Model
import Testing

@testable import Aggregator

@Suite("The search for a row's listener")
struct ListenerTests {
    /// Random listeners on one port: wildcards and addresses of both families, some on one link.
    private static func listeners(_ generator: inout Generator, _ addresses: [IPAddress]) -> [SocketRow] {
        func pick(_ count: Int) -> Int { Int(generator.unit() * Double(count)) % count }
        return (0..<40).map { _ in
            let address = pick(4) == 0 ? [IPAddress.anyIPv4, .anyIPv6][pick(2)] : addresses[pick(addresses.count)]
            var row = SocketRow.listen(address, 80)
            row.device = pick(2) == 0 ? 0 : UInt32(1 + pick(3))
            row.isV6Only = address == .anyIPv6 && pick(2) == 0
            return row
        }
    }

    /// Whether a listener takes a connection, asked of each by itself.
    private static func takes(_ end: ListenerEnd, _ address: IPAddress, _ device: UInt32?) -> Bool {
        guard device == nil || end.device == 0 || end.device == device else { return false }
        return end.address == address || end.takes(address)
    }

    @Test("The index finds the listener that a walk over all of them finds", arguments: 1...50)
    func index(seed: UInt64) throws {
        var generator = Generator(state: seed)
        let addresses = (1...30).map { IPAddress(192, 0, 2, $0) } + (1...30).map { IPAddress(high: 7, low: $0) }
        let listeners = Self.listeners(&generator, addresses)
        let ends = Set(listeners.map { ListenerEnd($0) })
        var index = ListenerIndex()
        index.rebuild(ends)
        for address in addresses {
            for device in [nil, 0, 1, 2, 3] as [UInt32?] {
                let taking = ends.filter { Self.takes($0, address, device) }
                #expect((index.slot(of: 80, taking: address, on: device) != nil) == !taking.isEmpty)
                guard let device else { continue }
                let place = index.place(in: 0, taking: address, on: device)
                guard let place else {
                    #expect(taking.isEmpty)
                    continue
                }
                let found = try #require(index.ends(of: 0).first { $0.place == place }?.end)
                #expect(taking.contains(found))
                // The very address before a wildcard, and then its interface before any.
                func score(_ end: ListenerEnd) -> Int {
                    (end.address == address ? 2 : 0) + (end.device == device && device != 0 ? 1 : 0)
                }
                #expect(taking.map(score).max() == score(found), "\(address) on \(device)")
            }
            let isThere = ends.contains { $0.address == address }
            #expect((index.slot(of: 80, exactly: address) != nil) == isThere)
        }
    }

    @Test("Each of 5,000 addresses of a port has the TIME_WAITs of its own listener")
    func thousands() throws {
        let addresses = (0..<5000).map { IPAddress(v4: 0x7F01_0000 + UInt32($0)) }
        var index = ListenerIndex()
        index.rebuild(addresses.map { ListenerEnd(.listen($0, 80)) })
        for address in addresses {
            let place = try #require(index.place(in: 0, taking: address, on: 0))
            #expect(index.ends(of: 0).first { $0.place == place }?.end.address == address)
            break
        }
        let places = Set(addresses.compactMap { index.place(in: 0, taking: $0, on: 0) })
        #expect(places.count == 5000)
    }
}

@Suite("The ends of a service's listeners")
struct ListenerEndsTests {
    @Test("Many ends overlap, take and cover what a walk over all of them does", arguments: 1...50)
    func agreement(seed: UInt64) {
        var generator = Generator(state: seed)
        func pick(_ count: Int) -> Int { Int(generator.unit() * Double(count)) % count }
        let addresses: [IPAddress] = (1...40).map { IPAddress(192, 0, 2, $0) } + [.loopback6, .anyIPv4, .anyIPv6]
        func row() -> SocketRow {
            var row = SocketRow.listen(addresses[pick(addresses.count)], 80)
            row.device = pick(3) == 0 ? UInt32(1 + pick(2)) : 0
            row.isV6Only = row.localAddress == .anyIPv6 && pick(2) == 0
            return row
        }
        let few = (0..<1 + pick(4)).map { _ in ListenerEnd(row()) }
        let many = few + (0..<20).map { _ in ListenerEnd(.listen(IPAddress(198, 51, 100, 1), 80)) }
        // The others are nowhere near: so both know the same.
        let (walked, indexed) = (ListenerEnds(few), ListenerEnds(many))
        for _ in 0..<200 {
            let row = row()
            guard row.localAddress != .anyIPv4, row.localAddress != .anyIPv6 else { continue }
            #expect(walked.overlap(row) == indexed.overlap(row))
            #expect(walked.listen(on: row.localAddress) == indexed.listen(on: row.localAddress))
            #expect(walked.cover(ListenerEnd(row)) == indexed.cover(ListenerEnd(row)))
        }
    }
}
