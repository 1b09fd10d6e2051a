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

@Suite("The small files of procfs")
struct ProcFilesTests {
    private func proc(_ scene: String) -> ProcFilesystem { ProcFilesystem(mount: Scene(scene).path) }

    @Test("A reading of UDP ports is given up when its time is over")
    func udpPatience() throws {
        let proc = proc("mixed")
        let error = #expect(throws: ReadError.self) {
            _ = try proc.udpSockets(watching: PortSet(), Patience(seconds: 0, Interruption()))
        }
        #expect(error?.reason == .timedOut)
    }

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

    @Test("sockstat gives the TIME_WAITs and the sockets in use of both families")
    func sockstat() throws {
        #expect(try proc("mixed").socketStatistics().value == SocketStatistics(inUse: 22 + 3, timeWaitBuckets: 83))
        #expect(try proc("empty").socketStatistics().value == SocketStatistics(inUse: 0, timeWaitBuckets: 0))
        #expect(try proc("no_ipv6").socketStatistics().value.timeWaitBuckets == 31)
    }

    @Test("netstat gives the TIME_WAIT counters by their names")
    func netstat() throws {
        let expected = TimeWaitCounters(timeWait: 83, killed: 0, recycled: 0, overflow: 0)
        #expect(try proc("mixed").timeWaitCounters().value == expected)
    }

    @Test("Counters have 64 bits, and a larger number is refused")
    func largeCounters() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        func counter(_ value: String) throws -> UInt64? {
            let text = "TcpExt: TW TWRecycled TWKilled TCPTimeWaitOverflow\nTcpExt: \(value) 0 0 0\n"
            try scene.write(text, to: "thread-self/net/netstat")
            return try ProcFilesystem(mount: scene.path).timeWaitCounters().value.timeWait
        }
        #expect(try counter("5000000000") == 5_000_000_000)
        #expect(try counter("18446744073709551615") == .max)
        #expect(try counter("18446744073709551616") == nil)
        #expect(try counter("99999999999999999999") == nil)
    }

    @Test("The error for an incomplete file names the missing field")
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

    @Test("The sysctls are read as numbers, and a missing one is skipped")
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

    @Test("The reading fails when /proc/sys has none of the sysctls")
    func noSysctls() throws {
        let error = try error("mixed", { try $0.remove("sys") }) { _ = try $0.sysctlValues() }
        #expect(error?.reason == .notFound)
    }

    @Test("The ephemeral range and the reserved ports are read from their sysctls")
    func ephemeralRange() throws {
        let range = try proc("mixed").ephemeralRange()
        #expect(range.ports == PortRange(low: 32_768, high: 60_999))
        #expect(range.reserved.count == 12)
        #expect(range.exposes(40_000) && !range.exposes(50_000) && !range.exposes(8080) && !range.exposes(35_009))
    }

    @Test("An ephemeral range of one port is read")
    func onePort() throws {
        #expect(try proc("one_port_range").ephemeralRange().ports == PortRange(low: 40_000, high: 40_000))
    }

    @Test("The longest possible list of reserved ports, 254,738 bytes, is read completely")
    func longestReservedList() throws {
        let reserved = try proc("reserved_64k").ephemeralRange().reserved
        #expect(reserved.count == 43_691)
        #expect((0...65_535).allSatisfy { reserved.contains(Port($0)) == ($0 % 3 != 1) })
    }

    @Test("A list of all 65,536 reserved ports is read")
    func allReserved() throws {
        let scene = try Scene(copyOf: "reserved_64k")
        defer { try? scene.remove() }
        let all = String(decoding: try scene.bytes("sys/net/ipv4/ip_local_reserved_ports.all"), as: UTF8.self)
        try scene.write(all, to: "sys/net/ipv4/ip_local_reserved_ports")
        #expect(try ProcFilesystem(mount: scene.path).ephemeralRange().reserved.count == 65_536)
    }

    @Test(
        "The error for a truncated or malformed range or list states the expected form",
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

    @Test("The reader finds every local address of both families and local prefixes")
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

    @Test("The reader ignores addresses outside the local table, as those of transparent proxies")
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

    @Test("The reader finds only loopback addresses when every interface is down")
    func noAddresses() throws {
        let scene = try Scene(copyOf: "empty")
        defer { try? scene.remove() }
        try scene.write("", to: "thread-self/net/fib_trie")
        try scene.write("", to: "thread-self/net/if_inet6")
        let addresses = try ProcFilesystem(mount: scene.path).localAddresses()
        #expect(addresses == LocalAddresses())
    }

    @Test("A malformed routing table or list of interfaces is refused")
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

    @Test("The reader returns the facts of its own process")
    func process() throws {
        let before = try ProcessFacts.reading()
        #expect(before.openDescriptors >= 3 && before.descriptorLimit ?? 0 >= UInt64(before.openDescriptors))
        #expect(before.virtualMemory > before.residentMemory && before.residentMemory > 0 && before.threads >= 1)
        #expect(before.startTime < Clock.realtime.seconds && before.startTime > Clock.realtime.seconds - 3600)
        #expect(try ProcessFacts.reading().startTime == before.startTime)
    }
}
