package import Model

extension ProcFilesystem {
    /// Reads sockstat and, where the kernel has IPv6, sockstat6. Only the sockets in use need both.
    package func socketStatistics() throws(ReadError) -> Partial<SocketStatistics> {
        let path = net("sockstat")
        var failures = PartFailures()
        let inUse = failures.part { () throws(ReadError) in try number("inuse", of: "TCP:", in: path) }
        let buckets = failures.part { () throws(ReadError) in try number("tw", of: "TCP:", in: path) }
        if inUse == nil, buckets == nil { throw failures.errors[0] }
        let v6 = failures.part { () throws(ReadError) in
            try readIPv6("sockstat6") { (path) throws(ReadError) in try number("inuse", of: "TCP6:", in: path) } ?? 0
        }
        let both = inUse.flatMap { v4 in
            v6.flatMap { v6 in
                failures.part { () throws(ReadError) in
                    let (sum, isTooLarge) = v4.addingReportingOverflow(v6)
                    if isTooLarge { throw .malformed(path, "'TCP: inuse' is '\(v4)', more than there can be sockets") }
                    return sum
                }
            }
        }
        return Partial(
            value: SocketStatistics(inUse: both, timeWaitBuckets: buckets),
            failures: failures.errors
        )
    }

    private func number(_ name: String, of title: String, in path: String) throws(ReadError) -> Int {
        try withContents(of: path) { (bytes) throws(ReadError) in try Self.field(name, of: title, in: bytes, path) }
    }

    /// The number behind a word of a line: `TCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1`
    /// (sockstat_seq_show(), net/ipv4/proc.c).
    private static func field(
        _ name: String,
        of title: String,
        in bytes: Span<UInt8>,
        _ path: String
    ) throws(ReadError) -> Int {
        var position = 0
        while let line = bytes.line(at: &position) {
            var next = line.lowerBound
            guard let first = bytes.word(at: &next, before: line.upperBound), bytes.holds(title, in: first) else {
                continue
            }
            while let key = bytes.word(at: &next, before: line.upperBound),
                let value = bytes.word(at: &next, before: line.upperBound)
            {
                guard bytes.holds(name, in: key) else { continue }
                guard let number = bytes.decimal(in: value, as: Int.self) else {
                    throw .malformed(path, "'\(title) \(name)' is '\(bytes.text(in: value))', expected a number")
                }
                return number
            }
        }
        throw .malformed(path, "no '\(name)' in a line '\(title)'")
    }
}

extension ProcFilesystem {
    /// Reads the counters of TIME_WAIT from netstat, each by itself.
    package func timeWaitCounters() throws(ReadError) -> Partial<TimeWaitCounters> {
        let path = net("netstat")
        return try withContents(of: path) { (bytes) throws(ReadError) in
            let lines = try Self.extendedLines(of: bytes, path)
            let names = ["TW", "TWKilled", "TWRecycled", "TCPTimeWaitOverflow"]
            var (values, failures) = ([UInt64?](), PartFailures())
            for name in names {
                do throws(ReadError) {
                    values.append(try Self.counter(name, in: bytes, lines, path))
                } catch {
                    values.append(nil)
                    failures.note(error)
                }
            }
            guard failures.errors.count < names.count else { throw failures.errors[0] }
            return Partial(
                value: TimeWaitCounters(
                    timeWait: values[0],
                    killed: values[1],
                    recycled: values[2],
                    overflow: values[3]
                ),
                failures: failures.errors
            )
        }
    }

    /// The two lines that start with `TcpExt:`: names, then values (netstat_seq_show(),
    /// net/ipv4/proc.c).
    private static func extendedLines(
        of bytes: Span<UInt8>,
        _ path: String
    ) throws(ReadError) -> (names: Range<Int>, values: Range<Int>) {
        var position = 0
        while let names = bytes.line(at: &position) {
            guard bytes.starts(with: "TcpExt:", at: names.lowerBound) else { continue }
            guard let values = bytes.line(at: &position), bytes.starts(with: "TcpExt:", at: values.lowerBound) else {
                throw .absent(path, "no line of values behind the names of 'TcpExt:'")
            }
            return (names, values)
        }
        throw .absent(path, "no line 'TcpExt:'")
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
