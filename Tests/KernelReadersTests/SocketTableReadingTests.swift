import KernelReaders
import Model
import Scenes
import Testing

@Suite("The reading of the socket table")
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

    @Test("Every row of a captured table is found in its state")
    func mixed() throws {
        let table = try read(Scene("mixed"))
        #expect(table.malformed == 0)
        #expect(table.listening.count == 10)
        #expect(table.others.rows.count == 81 + 27 - 10)
        let counts = Dictionary(grouping: table.others.rows, by: \.state).mapValues(\.count)
        #expect(counts == [.timeWait: 81, .established: 10, .finWait2: 3, .closeWait: 3, .synSent: 1])
    }

    @Test("The accept queue of a listener is read")
    func acceptQueue() throws {
        let listening = try read(Scene("mixed")).listening
        #expect(listening.filter { $0.receiveQueue > 0 }.map(\.localPort) == [4040])
        #expect(listening.first { $0.localPort == 4040 }?.receiveQueue == 2)
    }

    @Test("An orphaned FIN_WAIT2 is distinguished from one with an owner")
    func orphans() throws {
        let rows = try read(Scene("mixed")).others.rows(in: .finWait2)
        #expect(rows.count == 3)
        #expect(rows.count { $0.isOrphanFinWait2 } == 2)
    }

    @Test("IPv4 and IPv6 addresses are read in kernel byte order, IPv4-mapped ones as IPv4")
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

    @Test("A table of which no row can be read is refused, and one with a readable row is not")
    func nothingReadable() throws {
        for (kept, isRefused) in [(0, true), (1, false)] {
            let scene = try Scene(copyOf: "mixed")
            defer { try? scene.remove() }
            let text = String(decoding: try scene.bytes("thread-self/net/tcp"), as: UTF8.self)
            let lines = text.split(separator: "\n").map(String.init)
            let changed = lines.enumerated().map { number, line in
                number <= kept ? line : line.replacing(": ", with: ":  ")
            }
            try scene.write(changed.joined(separator: "\n") + "\n", to: "thread-self/net/tcp")
            if isRefused {
                let error = #expect(throws: ReadError.self) { _ = try read(scene) }
                #expect(error?.reason == .malformed)
                #expect(error.map { "\($0)" }?.contains("has \(lines.count - 1) rows, and none") == true)
            } else {
                #expect(try read(scene).malformed == lines.count - 2)
            }
        }
    }

    @Test("Connection requests are distinguished from sockets in SYN_RECV")
    func newSynRecv() throws {
        let table = try read(Scene("new_syn_recv"))
        #expect(table.others.rows(in: .newSynRecv).count == 4)
        #expect(table.others.rows(in: .newSynRecv).allSatisfy { $0.localPort == 8080 })
        #expect(table.others.rows(in: .synRecv).isEmpty)
        #expect(table.others.rows(in: .timeWait).count == 31)
    }

    @Test("A row whose number exceeds four digits is read")
    func longSlots() throws {
        let table = try read(Scene("sl_over_9999"))
        #expect(table.malformed == 0)
        #expect(table.listening.count == 3)
        #expect(table.others.rows(in: .timeWait).count == 26)
        #expect(table.others.rows.allSatisfy { $0.remoteAddress == IPAddress(127, 0, 0, 1) && $0.remotePort == 9090 })
    }

    @Test("A truncated last row is counted, and the rows before it are kept")
    func cutLastRow() throws {
        let table = try read(Scene("cut_last_row"))
        #expect(table.malformed == 2)
        #expect(table.listening.count + table.others.rows.count == 80 + 26)
        #expect(table.others.rows(in: .timeWait).count == 56 + 23)
    }

    @Test("A line that exceeds the longest possible row is skipped, and the reading continues")
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

    @Test("An empty table has no sockets and no malformed rows")
    func empty() throws {
        let table = try read(Scene("empty"))
        #expect(table.listening.isEmpty && table.others.rows.isEmpty && table.malformed == 0)
    }

    @Test("A kernel without IPv6 needs no tcp6")
    func noIPv6() throws {
        let table = try read(Scene("no_ipv6"))
        #expect(table.others.rows(in: .timeWait).count == 31)
    }

    @Test("The reading fails when only tcp6 is missing")
    func onlyTCP6Missing() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        try scene.remove("thread-self/net/tcp6")
        let error = #expect(throws: ReadError.self) { try read(scene) }
        #expect(error?.reason == .notFound)
        #expect(error?.description == "\(scene.path)/thread-self/net/tcp6: open: No such file or directory")
    }

    @Test(
        "The reading fails when the file does not begin with the header of a socket table",
        arguments: ["", "hello\n", "  sl  local_address rem"]
    )
    func noTable(text: String) throws {
        let scene = try Scene(copyOf: "empty")
        defer { try? scene.remove() }
        try scene.write(text, to: "thread-self/net/tcp")
        let error = #expect(throws: ReadError.self) { try read(scene) }
        #expect(error?.reason == .malformed)
    }

    @Test("The machine's own table is read through thread-self")
    func live() throws {
        var reading = ProcSocketTable(ProcFilesystem(mount: "/proc"))
        var rows = RowCollector()
        #expect(try reading.read(into: &rows) == 0)
    }
}
