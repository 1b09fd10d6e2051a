import Aggregator
import KernelReaders
import Model

private struct Rows: RowSink {
    var rows: [SocketRow] = []

    mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant) {
        for index in rows.indices { self.rows.append(rows[index]) }
    }
}

/// The input is a /proc/net/tcp, and a /proc/net/tcp6.
///
/// Read whole and read in pieces it has the same rows, and so it has by both functions of the
/// parser.
enum SocketTableTarget {
    static func check(_ input: [UInt8]) {
        for file in [SocketTableParser.File.tcp, .tcp6] {
            let whole = read(input, file, by: input.count)
            // Any length from 1 on; an input is cut at other places when one of its bytes changes.
            let sum = input.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF }
            let parted = read(input, file, by: 1 + sum % 400)
            must(whole.rows == parted.rows, "other rows in pieces")
            must(whole.malformed == parted.malformed, "other malformed rows in pieces")
            checkOwned(input, file, whole)
            for row in whole.rows where row.state == .listen {
                must(row.localPort != 0, "a LISTEN row without a port")
            }
        }
    }

    private static func read(_ input: [UInt8], _ file: SocketTableParser.File, by length: Int) -> (
        rows: [SocketRow], malformed: Int
    ) {
        var parser = SocketTableParser(file)
        var rows = Rows()
        var (start, end) = (0, 0)
        while end < input.count {
            end = min(end + max(length, 1), input.count)
            let bytes = Array(input[start..<end])
            let parsed = parser.parse(bytes.span, readAt: Instant(nanoseconds: 0), into: &rows)
            must((0...bytes.count).contains(parsed), "\(parsed) of \(bytes.count) bytes")
            start += parsed
            // What starts without a header is refused at the end of its first line.
            if !parser.hasHeader, bytes.contains(UInt8(ascii: "\n")) { return ([], 0) }
        }
        parser.finish(rest: end - start)
        return (rows.rows, parser.malformedRows)
    }

    private static func checkOwned(
        _ input: [UInt8],
        _ file: SocketTableParser.File,
        _ whole: (rows: [SocketRow], malformed: Int)
    ) {
        var parser = SocketTableParser(file)
        var sockets: [OwnedSocket] = []
        let parsed = parser.parse(input.span, appendingTo: &sockets)
        guard parser.hasHeader else { return }
        parser.finish(rest: input.count - parsed)
        let owned = whole.rows.filter { $0.state != .timeWait }
        let withoutOwner = parser.malformedRows - whole.malformed
        must(sockets.count + withoutOwner == owned.count, "other sockets with owners")
        var rest = owned[...]
        for socket in sockets {
            rest = rest.drop { $0 != socket.row }
            must(rest.popFirst() != nil, "a socket with an owner that is no row")
        }
    }
}

/// The input is the datagrams of a dump over sock_diag, of which the kernel repeats some in a
/// second reading.
///
/// Both functions of the parser agree. The rows become a page twice, in which numbers add up and
/// what a second reading sees again is not counted again.
enum SockDiagTarget {
    private static let sequence: UInt32 = 7

    static func check(_ input: [UInt8]) {
        var input = Input(input)
        let datagrams = input.datagrams()
        let read = rows(of: datagrams)
        let owned = sockets(of: datagrams)
        must(read.failure == owned.failure, "other failures")
        must(read.malformed == owned.malformed, "other malformed rows")
        let states = read.rows.map { $0.state == .close ? TCPState.boundInactive : $0.state }
        must(states == owned.sockets.map(\.row.state), "other rows")
        makePages(of: read.rows)
    }

    private static func rows(of datagrams: [[UInt8]]) -> (
        rows: [SocketRow], malformed: Int, failure: NetlinkFailure?
    ) {
        var parser = SockDiagParser(sequence: sequence)
        var rows = Rows()
        do throws(NetlinkFailure) {
            for datagram in datagrams {
                if try parser.parse(datagram.span, readAt: Instant(nanoseconds: 0), into: &rows) { break }
            }
            return (rows.rows, parser.malformedRows, nil)
        } catch {
            return (rows.rows, parser.malformedRows, error)
        }
    }

    private static func sockets(of datagrams: [[UInt8]]) -> (
        sockets: [OwnedSocket], malformed: Int, failure: NetlinkFailure?
    ) {
        var parser = SockDiagParser(sequence: sequence)
        var sockets: [OwnedSocket] = []
        do throws(NetlinkFailure) {
            for datagram in datagrams {
                if try parser.parse(datagram.span, appendingTo: &sockets) { break }
            }
            return (sockets, parser.malformedRows, nil)
        } catch {
            return (sockets, parser.malformedRows, error)
        }
    }

    private static func makePages(of rows: [SocketRow]) {
        // As SockDiagTable gives them: listeners first, and those that are only bound.
        let listening = rows.filter { $0.state == .listen }
        let bound = rows.filter { $0.state == .boundInactive }
        let others = rows.filter { $0.state != .listen && $0.state != .boundInactive }
        let namespace = Namespace()
        var memory = Memory(namespace.settings)
        var pages = SamplePages()
        for second: Int64 in 1...2 {
            let now = Instant(nanoseconds: 1_000_000_000_000 + second * 1_000_000_000)
            var reading = Reading(namespace.facts, &memory, at: now)
            for part in [bound, listening, others] { reading.rows(part.span, readAt: now) }
            let report = reading.finish(&memory)
            var counted = 0
            for state in TableCounts.states + [.boundInactive] { counted += report.table.total(of: state) }
            must(counted == rows.count, "\(counted) rows in the table of \(rows.count)")
            pages.make(of: namespace.sample(report, at: now))
        }
    }
}

/// What is known of a network namespace beside its sockets.
struct Namespace {
    var settings: AccountingSettings = {
        var settings = AccountingSettings()
        settings.portsLimit = 65_535
        settings.peersLimit = 3
        settings.servicePorts = PortSet([8080, 65_535])
        settings.closersLimit = 10
        return settings
    }()

    var facts: NamespaceFacts {
        let addresses = LocalAddresses([LocalAddresses.Prefix(IPAddress(10, 9, 9, 1))])
        var sysctls: SysctlValues = [:]
        sysctls[.tcpTWReuse] = 1
        sysctls[.tcpTimestamps] = 1
        return NamespaceFacts(
            knowsBound: true,
            range: EphemeralRange(
                ports: PortRange(low: 32_768, high: 60_999) ?? PortRange(1),
                reserved: PortSet([40_000])
            ),
            addresses: addresses,
            sysctls: sysctls
        )
    }

    func sample(_ report: PortReport, at now: Instant) -> Sample {
        var sample = Sample()
        sample.now = now
        sample.ports = report
        sample.source = .sockDiag
        sample.portSysctls = PortSysctls(ports: facts.range?.ports, reserved: facts.range?.reserved)
        return sample
    }
}
