import KernelReaders
import Model
import Testing

/// Netlink messages as a kernel of this machine's byte order writes them.
private struct Message {
    var type: UInt16 = 18
    var flags: UInt16 = 2
    var sequence: UInt32 = 7
    /// What the header says of the length; the true one if nil.
    var length: UInt32?
    var content: [UInt8] = []

    var bytes: [UInt8] {
        let true_ = 16 + content.count
        let header =
            native(length ?? UInt32(true_)) + native(type) + native(flags) + native(sequence) + native(UInt32(0))
        return header + content + [UInt8](repeating: 0, count: (4 - true_ % 4) % 4)
    }

    static let done = Message(type: 3, content: [0, 0, 0, 0])
}

private func native(_ number: some FixedWidthInteger) -> [UInt8] {
    unsafe withUnsafeBytes(of: number) { unsafe Array($0) }
}

/// A struct inet_diag_msg: 127.0.0.1:8080 to 127.0.0.1:33024 in TIME_WAIT.
private func timeWait(
    family: UInt8 = 2,
    state: UInt8 = 6,
    timer: UInt8 = 3,
    attributes: [UInt8] = [],
    cookie: UInt64 = 0x1_0000_0005,
    user: UInt32 = 0,
    inode: UInt32 = 0,
    port: UInt16 = 8080
) -> [UInt8] {
    [family, state, timer, 0] + native(port.bigEndian) + [0x81, 0x00]
        + [127, 0, 0, 1] + [UInt8](repeating: 0, count: 12) + [127, 0, 0, 1] + [UInt8](repeating: 0, count: 12)
        + native(UInt32(0)) + native(UInt32(truncatingIfNeeded: cookie)) + native(UInt32(cookie >> 32))
        + native(UInt32(58_000)) + [UInt8](repeating: 0, count: 8) + native(user) + native(inode) + attributes
}

private func attribute(_ type: UInt16, _ value: UInt8) -> [UInt8] {
    native(UInt16(5)) + native(type) + [value, 0, 0, 0]
}

@Suite("The parser of sock_diag answers")
struct SockDiagParserTests {
    private func parse(_ bytes: [UInt8]) throws(NetlinkFailure) -> (
        rows: [SocketRow], malformed: Int, done: Bool
    ) {
        var parser = SockDiagParser(sequence: 7)
        var rows = RowCollector()
        let done = try parser.parse(bytes.span, readAt: Instant(nanoseconds: 0), into: &rows)
        return (rows.rows, parser.malformedRows, done)
    }

    @Test("The parser returns a row for each socket and recognizes the end of the dump")
    func rows() throws {
        let result = try parse(Message(content: timeWait()).bytes + Message.done.bytes)
        #expect(result.done && result.malformed == 0)
        #expect(
            result.rows == [
                SocketRow(
                    localAddress: IPAddress(127, 0, 0, 1),
                    localPort: 8080,
                    remoteAddress: IPAddress(127, 0, 0, 1),
                    remotePort: 33_024,
                    state: .timeWait,
                    isTimeWaitMiniSocket: true,
                    timerRemaining: 58_000,
                    cookie: 0x1_0000_0005
                )
            ]
        )
        #expect(try !parse(Message(content: timeWait()).bytes).done)
    }

    @Test("LISTEN rows of ports 1 to 65535 are returned, and one of port 0 is not")
    func listenPorts() throws {
        let messages = [0, 1, 65_535].map { (port: UInt16) in
            Message(content: timeWait(state: 10, timer: 0, cookie: UInt64(port) + 1, port: port)).bytes
        }
        #expect(try parse(messages.flatMap { $0 }).rows.map(\.localPort) == [1, 65_535])
    }

    @Test("Attributes identify IPv6-only listeners and connection requests")
    func attributes() throws {
        let listener = Message(
            content: timeWait(family: 10, state: 10, timer: 0, attributes: attribute(8, 0) + attribute(11, 1))
        )
        let dual = Message(
            content: timeWait(
                family: 10,
                state: 10,
                timer: 0,
                attributes: attribute(8, 0) + attribute(11, 0),
                cookie: 6
            )
        )
        #expect(try parse(listener.bytes + dual.bytes).rows.map(\.isV6Only) == [true, false])
        let request = Message(content: timeWait(state: 3, timer: 1, attributes: attribute(15, 0)))
        let socket = Message(
            content: timeWait(state: 3, timer: 1, attributes: attribute(15, 0) + attribute(8, 0), cookie: 6)
        )
        #expect(try parse(request.bytes + socket.bytes).rows.map(\.state) == [.newSynRecv, .synRecv])
    }

    @Test(
        "A socket that the kernel repeats in a dump is returned once",
        arguments: [
            // New connections within a long bucket, and at a datagram's end: one, three, more than
            // there were rows.
            ([[1, 2, 2, 3]], [1, 2, 3]),
            ([[1, 2, 3], [3, 4]], [1, 2, 3, 4]),
            ([[1, 2, 3, 4], [2, 3, 4, 5], [6]], [1, 2, 3, 4, 5, 6]),
            ([[1, 2], [1, 2], [1, 2, 3]], [1, 2, 3]),
            ([Array(1...20), Array(5...22)], Array(1...22)),
            // Of a source without cookies nothing is known.
            ([[0, 0], [0, 0]], [0, 0, 0, 0]),
        ] as [([[UInt64]], [UInt64])]
    )
    func repeatedRows(datagrams: [[UInt64]], once: [UInt64]) throws {
        var parser = SockDiagParser(sequence: 7)
        var rows = RowCollector()
        for datagram in datagrams {
            let bytes = datagram.flatMap { Message(content: timeWait(cookie: $0)).bytes }
            #expect(try !parser.parse(bytes.span, readAt: Instant(nanoseconds: 0), into: &rows))
        }
        #expect(rows.rows.map(\.cookie) == once)
    }

    @Test("The parser returns the user and inode of each socket once, and CLOSE as bound_inactive")
    func owners() throws {
        var parser = SockDiagParser(sequence: 7)
        var sockets: [OwnedSocket] = []
        let listener = timeWait(state: 10, timer: 0, user: 1000, inode: 4_294_967_295)
        let bound = timeWait(state: 7, timer: 0, cookie: 6, user: 65_534, inode: 7)
        let bytes = [listener, listener, bound].flatMap { Message(content: $0).bytes }
        #expect(try parser.parse((bytes + Message.done.bytes).span, appendingTo: &sockets))
        #expect(sockets.map(\.user) == [1000, 65_534] && sockets.map(\.inode) == [4_294_967_295, 7])
        #expect(sockets.map(\.row.state) == [.listen, .boundInactive])
    }

    @Test("The parser ignores messages of another request")
    func otherSequence() throws {
        var stale = Message(content: timeWait())
        stale.sequence = 6
        var staleEnd = Message.done
        staleEnd.sequence = 6
        let result = try parse(stale.bytes + staleEnd.bytes + Message(content: timeWait()).bytes)
        #expect(result.rows.count == 1 && !result.done)
    }

    @Test("A truncated socket and one of an unknown family or state are skipped and counted")
    func malformedRows() throws {
        let cut = Message(content: Array(timeWait().dropLast(1)))
        let family = Message(content: timeWait(family: 99))
        let state = Message(content: timeWait(state: 200))
        let result = try parse(cut.bytes + family.bytes + state.bytes + Message(content: timeWait()).bytes)
        #expect(result.malformed == 3 && result.rows.count == 1)
    }

    @Test(
        "The error for an invalid message length states the problem",
        arguments: [
            (0, "a message of 0 bytes in 88"), (15, "a message of 15 bytes in 88"), (89, "a message of 89 bytes in 88"),
            (.max, "a message of 4294967295 bytes in 88"),
        ] as [(UInt32, String)]
    )
    func lyingLength(length: UInt32, problem: String) {
        var message = Message(content: timeWait())
        message.length = length
        #expect(throws: NetlinkFailure.malformed(problem)) { try parse(message.bytes) }
    }

    @Test("The parser refuses a datagram that ends within a header")
    func cutHeader() {
        let bytes = Message(content: timeWait()).bytes + [0, 0, 0]
        #expect(throws: NetlinkFailure.malformed("3 bytes where a message should begin")) { try parse(bytes) }
    }

    @Test("The parser reports a kernel error in an error message or at the end of the dump")
    func errors() {
        let denied = Message(type: 2, content: native(Int32(-13)) + [UInt8](repeating: 0, count: 16))
        #expect(throws: NetlinkFailure.refused(errno: 13)) { try parse(denied.bytes) }
        let late = Message(type: 3, content: native(Int32(-12)))
        #expect(throws: NetlinkFailure.refused(errno: 12)) { try parse(late.bytes) }
        let without = Message(type: 2, content: [1])
        #expect(throws: NetlinkFailure.malformed("an end or an error without a number")) {
            try parse(without.bytes)
        }
    }

    @Test("The parser reports a dump that the kernel marks as interrupted")
    func interrupted() {
        var row = Message(content: timeWait())
        row.flags |= 0x10
        #expect(throws: NetlinkFailure.interrupted) { try parse(row.bytes + Message.done.bytes) }
    }

    @Test("The parser ignores malformed attributes")
    func brokenAttributes() throws {
        for attributes in [[0, 0, 0, 0], [3, 0, 8, 0], [0xFF, 0xFF, 8, 0], [4, 0], [4, 0, 11, 0]] as [[UInt8]] {
            let listener = Message(content: timeWait(family: 10, state: 10, timer: 0, attributes: attributes))
            #expect(try parse(listener.bytes).rows.map(\.isV6Only) == [false])
        }
    }

    @Test("The parser handles arbitrary bytes without a trap")
    func anyBytes() throws {
        var generator = SystemRandomNumberGenerator()
        let whole =
            (0..<20).flatMap { _ in Message(content: timeWait(attributes: attribute(15, 0))).bytes }
            + Message.done.bytes
        for _ in 0..<2000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
            _ = try? parse(bytes)
            var parser = SockDiagParser(sequence: 7)
            var sockets: [OwnedSocket] = []
            _ = try? parser.parse(bytes.span, appendingTo: &sockets)
        }
    }
}
