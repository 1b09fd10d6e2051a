import Model
import Testing

@Suite("The set of ports")
struct PortSetTests {
    @Test("A port set contains only the inserted ports")
    func insertion() {
        var set = PortSet()
        for port: Port in [0, 63, 64, 8080, 65_535] { set.insert(port) }
        #expect(set.count == 5)
        #expect([0, 63, 64, 8080, 65_535].allSatisfy { set.contains($0) })
        #expect(![1, 62, 65, 8079, 8081, 65_534].contains { set.contains($0) })
    }

    @Test(
        "A port set contains every port of a range, including both ends",
        arguments: [(0, 65_535), (5, 5), (63, 64), (64, 127), (60, 70), (32_768, 60_999), (1, 64)] as [(Port, Port)]
    )
    func ranges(low: Port, high: Port) throws {
        let range = try #require(PortRange(low: low, high: high))
        let set = PortSet(range)
        let expected = (0...65_535).filter { low <= $0 && $0 <= high }
        #expect((0...65_535).filter { set.contains(Port($0)) } == expected)
        #expect(set.count == range.count)
    }

    @Test("Port sets have a union, an intersection and a difference")
    func algebra() throws {
        let low = PortSet(try #require(PortRange(low: 10, high: 20)))
        let high = PortSet(try #require(PortRange(low: 15, high: 30)))
        #expect(low.union(high) == PortSet(try #require(PortRange(low: 10, high: 30))))
        #expect(low.intersection(high) == PortSet(try #require(PortRange(low: 15, high: 20))))
        #expect(low.subtracting(high) == PortSet(try #require(PortRange(low: 10, high: 14))))
    }

    @Test("The ports that share a port's parity are all even or all odd", arguments: [0, 41_001, 65_535] as [Port])
    func parity(port: Port) throws {
        let all = PortSet(try #require(PortRange(low: 0, high: 65_535)))
        let found = all.sharingParity(of: port)
        let sharing = (Port.min...Port.max).filter { $0 % 2 == port % 2 }
        #expect((Port.min...Port.max).filter { found.contains($0) } == sharing)
    }

    @Test("A port set reads the list syntax of ip_local_reserved_ports")
    func list() throws {
        let set = try PortSet(list: Array("8080,35000-35009,50000".utf8).span)
        #expect(set.count == 12)
        #expect(set.contains(8080) && set.contains(35_000) && set.contains(35_009) && set.contains(50_000))
        #expect(try PortSet(list: [UInt8]().span).isEmpty)
        #expect(try PortSet(list: Array("65535".utf8).span).contains(65_535))
        #expect(try PortSet(list: Array("0-65535".utf8).span).count == 65_536)
    }

    @Test(
        "A malformed list of ports reports the byte and the problem",
        arguments: [
            ("8080,", "byte 5: a port should follow ','"),
            (",8080", "byte 0: expected a port"),
            ("80 81", "byte 2: expected ',' or '-' or the end of the list"),
            ("1,65536", "byte 2: a port is at most 65535"),
            ("1,70000", "byte 2: a port is at most 65535"),
            ("5-3", "byte 0: the range 5-3 runs backwards"),
            ("5-", "byte 2: expected a port"),
            ("99999999999999999999999", "byte 0: a port is at most 65535"),
        ]
    )
    func malformed(text: String, message: String) {
        let error = #expect(throws: PortSet.ListError.self) { try PortSet(list: Array(text.utf8).span) }
        #expect(error?.description == message)
    }
}

@Suite("The range of ports")
struct PortRangeTests {
    @Test("A port range counts both of its ends")
    func count() throws {
        #expect(try #require(PortRange(low: 32_768, high: 60_999)).count == 28_232)
        #expect(try #require(PortRange(low: 40_000, high: 40_000)).count == 1)
        #expect(try #require(PortRange(low: 0, high: 65_535)).count == 65_536)
    }

    @Test("A port range does not accept a high end below its low end")
    func backwards() {
        #expect(PortRange(low: 2, high: 1) == nil)
    }
}
