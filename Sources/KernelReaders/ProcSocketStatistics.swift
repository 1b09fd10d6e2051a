package import Ports

extension ProcFilesystem {
    /// Reads sockstat and, where the kernel has IPv6, sockstat6.
    package func socketStatistics() throws(ReadError) -> SocketStatistics {
        let path = net("sockstat")
        let v4 = try withContents(of: path) { (bytes) throws(ReadError) in
            SocketStatistics(
                inUse: try Self.field("inuse", of: "TCP:", in: bytes, path),
                timeWaitBuckets: try Self.field("tw", of: "TCP:", in: bytes, path)
            )
        }
        let v6InUse = try readIPv6("sockstat6") { (path) throws(ReadError) in
            try withContents(of: path) { (bytes) throws(ReadError) in
                try Self.field("inuse", of: "TCP6:", in: bytes, path)
            }
        }
        return SocketStatistics(inUse: v4.inUse + (v6InUse ?? 0), timeWaitBuckets: v4.timeWaitBuckets)
    }

    /// The number behind a word of a line: `TCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1` (sockstat_seq_show(),
    /// net/ipv4/proc.c).
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
