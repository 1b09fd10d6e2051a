import KernelReaders
import Model
import Scenes
import Testing

@Suite("The parser of the socket table")
struct SocketTableParserTests {
    private static let header =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode" + "\n"
    private static let timeWait =
        "   0: 0100007F:1F90 0100007F:8124 06 00000000:00000000 03:000016A1 00000000     0        0 0 3 0000000000000000"
    private static let listen =
        "   1: 00000000:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 3153 1 "
        + "0000000000000000 100 0 0 10 0"

    private func parse(_ text: String, _ file: SocketTableParser.File = .tcp) -> (rows: [SocketRow], malformed: Int) {
        var parser = SocketTableParser(file)
        var rows = RowCollector()
        let bytes = Array(text.utf8)
        let parsed = parser.parse(bytes.span, readAt: Instant(nanoseconds: 0), into: &rows)
        parser.finish(rest: bytes.count - parsed)
        return (rows.rows, parser.malformedRows)
    }

    @Test("The parser decodes every column in use")
    func columns() {
        let result = parse(Self.header + Self.timeWait + "\n" + Self.listen + "\n")
        let loopback = IPAddress(127, 0, 0, 1)
        #expect(
            result.rows == [
                SocketRow(
                    localAddress: loopback,
                    localPort: 8080,
                    remoteAddress: loopback,
                    remotePort: 0x8124,
                    state: .timeWait,
                    isTimeWaitMiniSocket: true,
                    timerRemaining: 57_930
                ),
                SocketRow(
                    localAddress: .anyIPv4,
                    localPort: 8080,
                    remoteAddress: .anyIPv4,
                    remotePort: 0,
                    state: .listen,
                    receiveQueue: 2
                ),
            ]
        )
    }

    @Test("The parser returns the same rows however the input is split", arguments: ["tcp", "tcp6"])
    func pieces(name: String) throws {
        let file = try #require(SocketTableParser.File(rawValue: name))
        let bytes = try Scene("mixed").bytes("thread-self/net/\(name)")
        let whole = parse(String(decoding: bytes, as: UTF8.self), file).rows
        #expect(whole.count == (file == .tcp ? 81 : 27))
        for size in [1, 7, 149, 150, 151, 4050] {
            var parser = SocketTableParser(file)
            var rows = RowCollector()
            var rest: [UInt8] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                rest += bytes[start..<min(start + size, bytes.count)]
                rest.removeFirst(parser.parse(rest.span, readAt: Instant(nanoseconds: 0), into: &rows))
            }
            #expect(rest.isEmpty && parser.malformedRows == 0)
            #expect(rows.rows == whole, "in pieces of \(size) bytes")
        }
    }

    @Test("The parser accepts rows with the padding of tcp and without it as in tcp6")
    func padding() {
        let padded = Self.timeWait + String(repeating: " ", count: 149 - Self.timeWait.count)
        #expect(parse(Self.header + padded + "\n").rows == parse(Self.header + Self.timeWait + "\n").rows)
    }

    @Test(
        "A malformed row is skipped and counted, and the other rows are kept",
        arguments: [
            ("0:", "x:"), ("   0:", "    "), (" 0100007F:1F90", " 0100007G:1F90"), ("0100007F:1F90", "0100007f:1F90"),
            (":1F90 ", ".1F90 "), (":1F90 ", ":1F90:"), (":1F90 0", ":1F9 0"), (":8124", ":81 4"), (" 06 ", " 0C6 "),
            (" 06 ", " FF "), (" 06 ", " 00 "), (" 06 ", "_06 "), ("06 00000000:", "06 00000000;"),
            ("03:000016A1", "03 000016A1"), ("000016A1 00000000", "000016A1 0000000x"),
            (" 00000000     0", " 000000000    0"),
            ("     0        0 0 3 0000000000000000", "     0        0 0 3"),
            ("     0        0 0 3 0000000000000000", ""),
        ]
    )
    func malformed(part: String, replacement: String) throws {
        let range = try #require(Self.timeWait.firstRange(of: part))
        let broken = Self.timeWait[..<range.lowerBound] + replacement + Self.timeWait[range.upperBound...]
        let result = parse(Self.header + Self.listen + "\n" + broken + "\n" + Self.timeWait + "\n")
        #expect(result.malformed == 1)
        #expect(result.rows.map(\.state) == [.listen, .timeWait])
    }

    @Test(
        "A connection repeated at the seam of two pieces is returned once, but listeners are not merged"
    )
    func repeatedRows() {
        let later = Self.timeWait.replacing("0:", with: "1:", maxReplacements: 1).replacing("16A1", with: "16A0")
        let other = Self.timeWait.replacing("8124", with: "8125")
        let text = [Self.listen, Self.listen, Self.timeWait, later, other].joined(separator: "\n") + "\n"
        let rows = parse(Self.header + text).rows
        #expect(rows.map(\.state) == [.listen, .listen, .timeWait, .timeWait])
        #expect(rows.map(\.remotePort) == [0, 0, 0x8124, 0x8125])
    }

    @Test("The parser handles arbitrary bytes, and every complete line is a row or is counted")
    func anyBytes() throws {
        var generator = SystemRandomNumberGenerator()
        // They differ from each other in so much that no change makes two of them the same
        // connection.
        let rows = (1...80 as ClosedRange<UInt32>).map { number in
            let address = String(number &* 0x9E37_79B9 | 0x8000_0000, radix: 16, uppercase: true)
            return Self.timeWait.replacing("0100007F:8124", with: address + ":8124") + "\n"
        }
        let original = Array((Self.header + rows.joined()).utf8)
        for _ in 0..<300 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...40, using: &generator) {
                bytes[Int.random(in: Self.header.utf8.count..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            var parser = SocketTableParser(.tcp)
            var rows = RowCollector()
            let parsed = parser.parse(bytes.span, readAt: Instant(nanoseconds: 0), into: &rows)
            parser.finish(rest: bytes.count - parsed)
            let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let expected = lines.count - 1 - (bytes.last == UInt8(ascii: "\n") ? 1 : 0)
            #expect(rows.rows.count + parser.malformedRows == expected)
        }
    }
}
