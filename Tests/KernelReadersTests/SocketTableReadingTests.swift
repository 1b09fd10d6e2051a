import KernelReaders
import Model
import Scenes
import Testing

@Suite("Reading the socket table")
struct SocketTableReadingTests {
    /// Listeners, the other rows, and how many did not parse.
    private func read(_ scene: Scene) throws -> (listening: [SocketRow], others: RowCollector, malformed: Int) {
        var reading = ProcSocketTable(ProcFilesystem(mount: scene.path))
        var all = RowCollector()
        let malformed = try reading.read(into: &all)
        let listening = all.rows.prefix { $0.state == .listen }
        // The listeners of both families come before all other rows.
        #expect(try reading.listeners() == Array(listening))
        return (Array(listening), RowCollector(rows: Array(all.rows.dropFirst(listening.count))), malformed)
    }

    @Test("finds every row of a captured table, in its state")
    func mixed() throws {
        let table = try read(Scene("mixed"))
        #expect(table.malformed == 0)
        #expect(table.listening.count == 10)
        #expect(table.others.rows.count == 81 + 27 - 10)
        let counts = Dictionary(grouping: table.others.rows, by: \.state).mapValues(\.count)
        #expect(counts == [.timeWait: 81, .established: 10, .finWait2: 3, .closeWait: 3, .synSent: 1])
    }

    @Test("tells the accept queue of a listener")
    func acceptQueue() throws {
        let listening = try read(Scene("mixed")).listening
        #expect(listening.filter { $0.receiveQueue > 0 }.map(\.localPort) == [4040])
        #expect(listening.first { $0.localPort == 4040 }?.receiveQueue == 2)
    }

    @Test("tells FIN_WAIT2 that nobody owns from FIN_WAIT2 with an owner")
    func orphans() throws {
        let rows = try read(Scene("mixed")).others.rows(in: .finWait2)
        #expect(rows.count == 3)
        #expect(rows.count { $0.isOrphanFinWait2 } == 2)
    }

    @Test("reads IPv4 and IPv6 addresses in the kernel's byte order, v4-mapped ones as IPv4")
    func addresses() throws {
        let timeWait = try read(Scene("mixed")).others.rows(in: .timeWait)
        let loopback = IPAddress(127, 0, 0, 1)
        #expect(
            timeWait.count { $0.localAddress == loopback && $0.localPort == 8080 && $0.remoteAddress == loopback } == 30
        )
        let own = IPAddress(10, 9, 9, 1)
        #expect(timeWait.count { $0.localAddress == own && $0.remoteAddress == own && $0.remotePort == 8080 } == 7)
        let loopback6 = IPAddress(high: 0, low: 1)
        #expect(timeWait.count { $0.localAddress == loopback6 && $0.localPort == 6060 } == 11)
        #expect(timeWait.count { $0.localAddress == loopback && $0.localPort == 7070 } == 13)
    }

    @Test("tells connection requests, which have no socket of their own yet, from sockets in SYN_RECV")
    func newSynRecv() throws {
        let table = try read(Scene("new_syn_recv"))
        #expect(table.others.rows(in: .newSynRecv).count == 4)
        #expect(table.others.rows(in: .newSynRecv).allSatisfy { $0.localPort == 8080 })
        #expect(table.others.rows(in: .synRecv).isEmpty)
        #expect(table.others.rows(in: .timeWait).count == 31)
    }

    @Test("reads rows whose number has grown beyond four digits")
    func longSlots() throws {
        let table = try read(Scene("sl_over_9999"))
        #expect(table.malformed == 0)
        #expect(table.listening.count == 3)
        #expect(table.others.rows(in: .timeWait).count == 26)
        #expect(table.others.rows.allSatisfy { $0.remoteAddress == IPAddress(127, 0, 0, 1) && $0.remotePort == 9090 })
    }

    @Test("counts a last row that is cut off, and keeps the rows before it")
    func cutLastRow() throws {
        let table = try read(Scene("cut_last_row"))
        #expect(table.malformed == 2)
        #expect(table.listening.count + table.others.rows.count == 80 + 26)
        #expect(table.others.rows(in: .timeWait).count == 56 + 23)
    }

    @Test("passes over a line that is longer than any row could be, and reads on behind it")
    func endlessLine() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let captured = String(decoding: try scene.bytes("thread-self/net/tcp"), as: UTF8.self)
        var lines = captured.split(separator: "\n").map(String.init)
        lines.insert(String(repeating: "x", count: 500_000), at: 40)
        try scene.write(lines.joined(separator: "\n") + "\n", to: "thread-self/net/tcp")
        let table = try read(scene)
        #expect(table.malformed == 1)
        #expect(table.listening.count + table.others.rows.count == 81 + 27)
    }

    @Test("finds nothing in an empty table, and nothing wrong with it")
    func empty() throws {
        let table = try read(Scene("empty"))
        #expect(table.listening.isEmpty && table.others.rows.isEmpty && table.malformed == 0)
    }

    @Test("does without tcp6 where the kernel has no IPv6")
    func noIPv6() throws {
        let table = try read(Scene("no_ipv6"))
        #expect(table.others.rows(in: .timeWait).count == 31)
    }

    @Test("fails where only tcp6 is missing: that is a file which could not be read, not a kernel without IPv6")
    func onlyTCP6Missing() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        try scene.remove("thread-self/net/tcp6")
        let error = #expect(throws: ReadError.self) { try read(scene) }
        #expect(error?.reason == .notFound)
        #expect(error?.description == "\(scene.path)/thread-self/net/tcp6: open: No such file or directory")
    }

    @Test(
        "fails where the file does not start as a socket table does",
        arguments: ["", "hello\n", "  sl  local_address rem"]
    )
    func noTable(text: String) throws {
        let scene = try Scene(copyOf: "empty")
        defer { try? scene.remove() }
        try scene.write(text, to: "thread-self/net/tcp")
        let error = #expect(throws: ReadError.self) { try read(scene) }
        #expect(error?.reason == .malformed)
    }

    @Test("reads the machine's own table through thread-self")
    func live() throws {
        var reading = ProcSocketTable(ProcFilesystem(mount: "/proc"))
        var rows = RowCollector()
        #expect(try reading.read(into: &rows) == 0)
    }
}
