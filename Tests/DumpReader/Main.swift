import Glibc
import KernelReaders
import Model
import System

/// `dump_reader COUNT PORT`: dumps the socket table COUNT times over sock_diag, and says of each
/// dump how many distinct TIME_WAITs to PORT at addresses of 10.0.0.0/8 it had, and how many it had
/// twice. One line a dump.
@main
struct DumpReader {
    static func main() {
        let numbers = ((try? ProcessArguments.read()) ?? []).compactMap { Int($0) }
        guard numbers.count == 2, let port = Port(exactly: numbers[1]) else {
            print("dump_reader COUNT PORT")
            exit(64)
        }
        do throws(ReadError) {
            var table = try SockDiagTable()
            for _ in 0..<numbers[0] {
                var known = Known(port: port)
                let malformed = try table.read(into: &known)
                print(known.distinct, known.twice, malformed)
            }
        } catch {
            print(error)
            exit(1)
        }
    }
}

/// Tells the known sockets apart by their hosts, of which each has one.
private struct Known: RowSink {
    let port: Port
    private var seen = [Bool](repeating: false, count: 1 << 24)
    var distinct = 0
    var twice = 0

    init(port: Port) { self.port = port }

    mutating func rows(_ rows: Span<SocketRow>, readAt now: Instant) {
        for index in rows.indices { note(rows[index]) }
    }

    private mutating func note(_ row: SocketRow) {
        guard row.state == .timeWait, row.remotePort == port, let address = row.remoteAddress.v4, address >> 24 == 10
        else { return }
        let host = Int(address & 0xFF_FFFF)
        if seen[host] { twice += 1 } else { distinct += 1 }
        seen[host] = true
    }
}
