import KernelReaders
import Model
import Scenes
import Testing

extension ProcFilesystem {
    /// Both sysctls of ports, or why one of them could not be read.
    fileprivate func ephemeralRange() throws -> EphemeralRange {
        let reading = try portSysctls()
        if let failure = reading.failures.first { throw failure }
        return try #require(reading.value.range)
    }
}

@Suite("Reading the small files of procfs")
struct ProcFilesTests {
    private func proc(_ scene: String) -> ProcFilesystem { ProcFilesystem(mount: Scene(scene).path) }

    /// The error that a reading throws after a file of the scene was changed.
    private func error(
        _ scene: String,
        _ change: (Scene) throws -> Void,
        _ read: (ProcFilesystem) throws -> Void
    ) throws -> ReadError? {
        let scene = try Scene(copyOf: scene)
        defer { try? scene.remove() }
        try change(scene)
        let error = #expect(throws: ReadError.self) { try read(ProcFilesystem(mount: scene.path)) }
        #expect(error?.path.hasPrefix(scene.path) == true)
        return error
    }

    @Test("gives TIME_WAIT of both families, and the sockets in use of both files of sockstat")
    func sockstat() throws {
        #expect(try proc("mixed").socketStatistics().value == SocketStatistics(inUse: 22 + 3, timeWaitBuckets: 83))
        #expect(try proc("empty").socketStatistics().value == SocketStatistics(inUse: 0, timeWaitBuckets: 0))
        #expect(try proc("no_ipv6").socketStatistics().value.timeWaitBuckets == 31)
    }

    @Test("finds the counters of TIME_WAIT by their names in netstat")
    func netstat() throws {
        let expected = TimeWaitCounters(timeWait: 83, killed: 0, recycled: 0, overflow: 0)
        #expect(try proc("mixed").timeWaitCounters().value == expected)
    }

    @Test("says which field a file lacks")
    func missingFields() throws {
        func sockstat(_ text: String) throws -> (SocketStatistics, [String]) {
            let scene = try Scene(copyOf: "mixed")
            defer { try? scene.remove() }
            try scene.write(text, to: "thread-self/net/sockstat")
            let partial = try ProcFilesystem(mount: scene.path).socketStatistics()
            return (partial.value, partial.failures.map(\.detail))
        }
        let (noTW, lacksTW) = try sockstat("TCP: inuse 1 orphan 0\n")
        #expect(noTW == SocketStatistics(inUse: 4, timeWaitBuckets: nil) && lacksTW == ["no 'tw' in a line 'TCP:'"])
        let (noNumber, lacksNumber) = try sockstat("TCP: inuse x tw 1\n")
        #expect(noNumber == SocketStatistics(inUse: nil, timeWaitBuckets: 1))
        #expect(lacksNumber == ["'TCP: inuse' is 'x', expected a number"])
        let noValues = try error("mixed", { try $0.write("TcpExt: TW TWKilled\n", to: "thread-self/net/netstat") }) {
            _ = try $0.timeWaitCounters()
        }
        #expect(noValues?.detail == "no line of values behind the names of 'TcpExt:'")
        let noCounter = try error("mixed", { try $0.write("TcpExt: A\nTcpExt: 5\n", to: "thread-self/net/netstat") }) {
            _ = try $0.timeWaitCounters()
        }
        #expect(noCounter?.detail == "no 'TcpExt: TW'")
    }

    @Test("gives the sysctls as numbers, and leaves out one that the kernel does not have")
    func sysctls() throws {
        let all: SysctlValues = [
            .tcpFinTimeout: 60, .tcpTWReuse: 0, .tcpTWReuseDelay: 1000, .tcpTimestamps: 1, .tcpRFC1337: 0,
            .tcpMaxTWBuckets: 131_072, .ipUnprivilegedPortStart: 1024, .ipAutobindReuse: 0,
        ]
        #expect(try proc("mixed").sysctlValues().value == all)
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        try scene.remove("sys/net/ipv4/tcp_tw_reuse_delay")
        let values = try ProcFilesystem(mount: scene.path).sysctlValues().value
        #expect(values.known == all.known.filter { $0.key != .tcpTWReuseDelay } && values.unreadable.isEmpty)
    }

    @Test("fails where none of the sysctls is there: then /proc/sys is not, whatever the kernel")
    func noSysctls() throws {
        let error = try error("mixed", { try $0.remove("sys") }) { _ = try $0.sysctlValues() }
        #expect(error?.reason == .notFound)
    }

    @Test("gives the ephemeral range and the reserved ports")
    func ephemeralRange() throws {
        let range = try proc("mixed").ephemeralRange()
        #expect(range.ports == PortRange(low: 32_768, high: 60_999))
        #expect(range.reserved.count == 12)
        #expect(range.exposes(40_000) && !range.exposes(50_000) && !range.exposes(8080) && !range.exposes(35_009))
    }

    @Test("reads a range of one port")
    func onePort() throws {
        #expect(try proc("one_port_range").ephemeralRange().ports == PortRange(low: 40_000, high: 40_000))
    }

    @Test("reads the longest list of reserved ports that there is, 254,738 bytes, whole")
    func longestReservedList() throws {
        let reserved = try proc("reserved_64k").ephemeralRange().reserved
        #expect(reserved.count == 43_691)
        #expect((0...65_535).allSatisfy { reserved.contains(Port($0)) == ($0 % 3 != 1) })
    }

    @Test("reads a list of all 65,536 ports")
    func allReserved() throws {
        let scene = try Scene(copyOf: "reserved_64k")
        defer { try? scene.remove() }
        let all = String(decoding: try scene.bytes("sys/net/ipv4/ip_local_reserved_ports.all"), as: UTF8.self)
        try scene.write(all, to: "sys/net/ipv4/ip_local_reserved_ports")
        #expect(try ProcFilesystem(mount: scene.path).ephemeralRange().reserved.count == 65_536)
    }

    @Test(
        "refuses a range or a list that is cut off or is none, and says what was expected",
        arguments: [
            ("ip_local_port_range", "60999\t32768\n", "'60999\t32768', expected two ports, the lower one first"),
            ("ip_local_port_range", "1\t2\t3\n", "'1\t2\t3', expected two ports, the lower one first"),
            ("ip_local_reserved_ports", "1,2,12", "6 bytes that do not end with a newline: the value is cut off"),
            ("ip_local_reserved_ports", "1,,2\n", "byte 2: expected a port"),
        ]
    )
    func malformedRange(file: String, text: String, message: String) throws {
        let error = try error("mixed", { try $0.write(text, to: "sys/net/ipv4/\(file)") }) {
            _ = try $0.ephemeralRange()
        }
        #expect(error?.reason == .malformed)
        #expect(error?.detail == message)
    }

    @Test("gives every own address of both families, and local prefixes")
    func localAddresses() throws {
        let addresses = [
            IPAddress(127, 0, 0, 1), IPAddress(10, 9, 9, 1), IPAddress(192, 0, 2, 10), IPAddress(172, 16, 5, 2),
            IPAddress(172, 16, 5, 3), IPAddress(high: 0, low: 1), IPAddress(high: 0x2001_0DB8_0001_0000, low: 1),
            IPAddress(high: 0x2001_0DB8_0002_0000, low: 2),
        ]
        let prefixes: [LocalAddresses.Prefix] = [
            .init(IPAddress(127, 0, 0, 0), length: 8), .init(IPAddress(198, 51, 100, 0), length: 24),
        ]
        let linkLocal = IPAddress(high: 0xFE80 << 48, low: 0xFF_FE00_0001)
        let expected = LocalAddresses(
            addresses.map { .init($0) } + prefixes,
            linkLocal: [.init(linkLocal, device: 2)]
        )
        #expect(try proc("anycast_prefix").localAddresses() == expected)
    }

    @Test("takes no address from another table than the local one, as transparent proxies have")
    func otherTables() throws {
        let scene = try Scene(copyOf: "anycast_prefix")
        defer { try? scene.remove() }
        let before = try ProcFilesystem(mount: scene.path).localAddresses()
        let trie = String(decoding: try scene.bytes("thread-self/net/fib_trie"), as: UTF8.self)
        let proxy = """
            Id 100:
              +-- 0.0.0.0/0 2 0 2
                 |-- 0.0.0.0
                    /0 host LOCAL
                 |-- 203.0.113.9
                    /32 host LOCAL

            """
        for text in [trie + proxy, proxy + trie] {
            try scene.write(text, to: "thread-self/net/fib_trie")
            #expect(try ProcFilesystem(mount: scene.path).localAddresses() == before)
        }
    }

    @Test("has no address but loopback where every interface is down")
    func noAddresses() throws {
        let scene = try Scene(copyOf: "empty")
        defer { try? scene.remove() }
        try scene.write("", to: "thread-self/net/fib_trie")
        try scene.write("", to: "thread-self/net/if_inet6")
        let addresses = try ProcFilesystem(mount: scene.path).localAddresses()
        #expect(addresses == LocalAddresses())
    }

    @Test("refuses a routing table or a list of interfaces that the kernel did not write")
    func malformedAddresses() throws {
        let trie = try error("mixed", { try $0.write("hello world\n", to: "thread-self/net/fib_trie") }) {
            _ = try $0.localAddresses()
        }
        #expect(trie?.detail == "'hello world', expected a table, a node, an address or a route")
        let interfaces = try error("mixed", { try $0.write("fe80 01 80 10 80 lo\n", to: "thread-self/net/if_inet6") }) {
            _ = try $0.localAddresses()
        }
        #expect(interfaces?.detail == "'fe80 01 80 10 80 lo', expected an address of 32 digits first")
    }

    @Test("tells the own process' facts")
    func process() throws {
        let before = try ProcessFacts.reading()
        #expect(before.openDescriptors >= 3 && before.descriptorLimit >= UInt64(before.openDescriptors))
        #expect(before.virtualMemory > before.residentMemory && before.residentMemory > 0 && before.threads >= 1)
        #expect(before.startTime < Clock.realtime.seconds && before.startTime > Clock.realtime.seconds - 3600)
        #expect(try ProcessFacts.reading().startTime == before.startTime)
    }
}
