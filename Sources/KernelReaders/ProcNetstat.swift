package import Ports

extension ProcFilesystem {
    /// Reads the counters of TIME_WAIT from netstat.
    package func timeWaitCounters() throws(ReadError) -> TimeWaitCounters {
        let path = net("netstat")
        return try withContents(of: path) { (bytes) throws(ReadError) in
            let lines = try Self.extendedLines(of: bytes, path)
            return TimeWaitCounters(
                timeWait: try Self.counter("TW", in: bytes, lines, path),
                killed: try Self.counter("TWKilled", in: bytes, lines, path),
                recycled: try Self.counter("TWRecycled", in: bytes, lines, path),
                overflow: try Self.counter("TCPTimeWaitOverflow", in: bytes, lines, path)
            )
        }
    }

    /// The two lines that start with `TcpExt:`: names, then values (netstat_seq_show(), net/ipv4/proc.c).
    private static func extendedLines(
        of bytes: Span<UInt8>,
        _ path: String
    ) throws(ReadError) -> (names: Range<Int>, values: Range<Int>) {
        var position = 0
        while let names = bytes.line(at: &position) {
            guard bytes.starts(with: "TcpExt:", at: names.lowerBound) else { continue }
            guard let values = bytes.line(at: &position), bytes.starts(with: "TcpExt:", at: values.lowerBound) else {
                throw .malformed(path, "no line of values behind the names of 'TcpExt:'")
            }
            return (names, values)
        }
        throw .malformed(path, "no line 'TcpExt:'")
    }

    /// The value that stands in the place of a name.
    private static func counter(
        _ name: String,
        in bytes: Span<UInt8>,
        _ lines: (names: Range<Int>, values: Range<Int>),
        _ path: String
    ) throws(ReadError) -> UInt64 {
        var (nameAt, valueAt) = (lines.names.lowerBound, lines.values.lowerBound)
        while let found = bytes.word(at: &nameAt, before: lines.names.upperBound) {
            let value = bytes.word(at: &valueAt, before: lines.values.upperBound)
            guard bytes.holds(name, in: found) else { continue }
            guard let value, let number = bytes.decimal(in: value, as: UInt64.self) else {
                throw .malformed(path, "no number for 'TcpExt: \(name)'")
            }
            return number
        }
        throw .malformed(path, "no 'TcpExt: \(name)'")
    }
}
