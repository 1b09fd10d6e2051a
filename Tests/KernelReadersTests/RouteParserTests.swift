import Model
import Testing

@testable import KernelReaders

@Suite("The answers of rtnetlink")
struct RouteParserTests {
    /// A message of the kernel, in the byte order of this machine.
    private struct Message {
        var bytes: [UInt8] = []

        mutating func append(_ number: some FixedWidthInteger) {
            for shift in 0..<number.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * shift))) }
        }

        mutating func attribute(_ type: UInt16, _ value: [UInt8]) {
            append(UInt16(4 + value.count))
            append(type)
            bytes += value
            bytes += [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
        }

        /// With its header.
        func whole(type: UInt16, sequence: UInt32 = 1, flags: UInt16 = 2) -> [UInt8] {
            var message = Message()
            message.append(UInt32(16 + bytes.count))
            message.append(type)
            message.append(flags)
            message.append(sequence)
            message.append(UInt32(0))
            return message.bytes + bytes
        }
    }

    private func number(_ number: UInt32) -> [UInt8] {
        var message = Message()
        message.append(number)
        return message.bytes
    }

    private func route(
        _ family: UInt8,
        _ destination: [UInt8]?,
        _ length: UInt8,
        table: UInt32 = 255,
        kind: UInt8 = 2,
        device: UInt32 = 1
    ) -> [UInt8] {
        var message = Message(bytes: [family, length, 0, 0, table > 255 ? 252 : UInt8(table), 2, 254, kind, 0, 0, 0, 0])
        message.attribute(15, number(table))
        if let destination { message.attribute(1, destination) }
        message.attribute(4, number(device))
        return message.whole(type: 24)
    }

    private func address(_ family: UInt8, _ own: [UInt8], peer: [UInt8]? = nil, device: UInt32 = 1) -> [UInt8] {
        var message = Message(bytes: [family, 24, 0, 0])
        message.append(device)
        message.attribute(1, peer ?? own)
        if family == 2 { message.attribute(2, own) }
        return message.whole(type: 20)
    }

    private let done: [UInt8] = Message(bytes: [0, 0, 0, 0]).whole(type: 3)

    private func parse(_ datagrams: [[UInt8]]) throws -> LocalAddresses {
        var parser = RouteParser(sequence: 1)
        for datagram in datagrams { _ = try parser.parse(datagram.span) }
        return parser.addresses
    }

    private static let linkLocal6: [UInt8] = [0xFE, 0x80] + [UInt8](repeating: 0, count: 13) + [7]

    @Test("The parser returns only routes of type local in the local table")
    func routes() throws {
        let prefix6: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 0, 1] + [UInt8](repeating: 0, count: 10)
        let found = try parse([
            route(2, [10, 1, 0, 0], 16) + route(2, [10, 9, 9, 1], 32) + route(10, prefix6, 48)
                + route(10, Self.linkLocal6, 128, device: 5),
            // Of a transparent proxy's table, of the main one, a broadcast address, an anycast one.
            route(2, nil, 0, table: 100) + route(2, [203, 0, 113, 1], 32, table: 1000)
                + route(2, [192, 0, 2, 0], 24, table: 254, kind: 1) + route(2, [10, 9, 9, 255], 32, kind: 3)
                + route(10, prefix6, 128, kind: 4) + done,
        ])
        let expected = LocalAddresses(
            [
                .init(IPAddress(10, 1, 0, 0), length: 16), .init(IPAddress(10, 9, 9, 1)),
                .init(IPAddress(high: 0x2001_0DB8_0001_0000, low: 0), length: 48),
            ],
            linkLocal: [.init(IPAddress(high: 0xFE80 << 48, low: 7), device: 5)]
        )
        #expect(found == expected)
        #expect(try parse([route(2, nil, 0) + done]) == LocalAddresses([.init(.anyIPv4, length: 0)]))
        #expect(try parse([route(10, nil, 0) + done]) == LocalAddresses([.init(.anyIPv6, length: 0)]))
    }

    @Test("IPv6 routes and addresses within ::ffff:0:0/96 make no IPv4 address local")
    func mapped() throws {
        func mapped(_ last: [UInt8]) -> [UInt8] { [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + last }
        let found = try parse([
            route(10, mapped([10, 9, 0, 0]), 112) + route(10, mapped([0, 0, 0, 0]), 96)
                + address(10, mapped([10, 9, 9, 9])) + done
        ])
        #expect(found == LocalAddresses())
    }

    @Test("The parser returns an interface's own address, not the peer's of a point-to-point link")
    func addresses() throws {
        let found = try parse([
            address(2, [10, 0, 0, 1], peer: [10, 0, 0, 2]) + address(10, Self.linkLocal6, device: 3) + done
        ])
        let linkLocal = LocalAddresses.LinkLocal(IPAddress(high: 0xFE80 << 48, low: 7), device: 3)
        #expect(found == LocalAddresses([.init(IPAddress(10, 0, 0, 1))], linkLocal: [linkLocal]))
    }

    @Test(
        "A refused or interrupted dump is an error, and a missing table or family has no addresses"
    )
    func errors() throws {
        func error(_ code: Int32) -> [UInt8] {
            Message(bytes: number(UInt32(bitPattern: -code)) + [UInt8](repeating: 0, count: 16)).whole(type: 2)
        }
        #expect(throws: NetlinkFailure.refused(errno: 13)) { try parse([error(13)]) }
        for code: Int32 in [2, 95, 97] { #expect(try parse([error(code)]) == LocalAddresses()) }
        let interrupted = Message(bytes: [0, 0, 0, 0]).whole(type: 3, flags: 2 | 16)
        #expect(throws: NetlinkFailure.interrupted) { try parse([route(2, [10, 9, 9, 1], 32), interrupted]) }
        // What is left of a request before.
        let old = Message(bytes: number(UInt32(bitPattern: -13))).whole(type: 2, sequence: 9)
        #expect(try parse([old + done]) == LocalAddresses())
    }

    @Test("The parser handles arbitrary bytes without a trap")
    func anything() {
        let whole =
            route(2, [10, 1, 0, 0], 16) + address(2, [10, 0, 0, 1]) + route(10, Self.linkLocal6, 128) + done
        var state: UInt64 = 3
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for count in 0..<whole.count { _ = try? parse([Array(whole.prefix(count))]) }
        var survived = 0
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0...random(4) { bytes[random(bytes.count)] = UInt8(random(256)) }
            if (try? parse([bytes])) != nil { survived += 1 }
        }
        #expect(survived > 0)
    }
}
