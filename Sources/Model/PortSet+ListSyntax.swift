extension PortSet {
    /// What is wrong with a text that should be a list of ports.
    public struct ListError: Error, Equatable, CustomStringConvertible {
        /// Where in the text, counted in bytes from 0.
        public let offset: Int
        /// What stands there, or is missing.
        public let problem: String

        /// The offset and the problem as one phrase.
        public var description: String { "byte \(offset): \(problem)" }
    }

    /// Reads a list such as `8080,9000-9010`: ports and ranges with commas between, as the kernel prints bitmaps of
    /// ports (`proc_do_large_bitmap()` in kernel/sysctl.c). An empty text is the empty set.
    ///
    /// - Parameter list: the text in ASCII, without a newline at its end.
    public init(list: Span<UInt8>) throws(ListError) {
        self.init()
        var position = 0
        while position < list.count {
            let start = position
            let low = try Self.port(in: list, at: &position)
            var high = low
            if position < list.count, list[position] == UInt8(ascii: "-") {
                position += 1
                high = try Self.port(in: list, at: &position)
            }
            guard let range = PortRange(low: low, high: high) else {
                throw ListError(offset: start, problem: "the range \(low)-\(high) runs backwards")
            }
            insert(range)
            if position < list.count {
                guard list[position] == UInt8(ascii: ",") else {
                    throw ListError(offset: position, problem: "expected ',' or '-' or the end of the list")
                }
                position += 1
                guard position < list.count else {
                    throw ListError(offset: position, problem: "a port should follow ','")
                }
            }
        }
    }

    private static func port(in list: Span<UInt8>, at position: inout Int) throws(ListError) -> Port {
        let start = position
        var value = 0
        while position < list.count, case let digit = list[position] &- UInt8(ascii: "0"), digit <= 9 {
            value = value * 10 + Int(digit)
            guard value <= Int(Port.max) else {
                throw ListError(offset: start, problem: "a port is at most 65535")
            }
            position += 1
        }
        guard position > start else { throw ListError(offset: start, problem: "expected a port") }
        return Port(value)
    }
}

extension PortSet {
    /// The ports as ranges, the lowest first; neighbours are one range.
    public var ranges: [PortRange] {
        var ranges: [PortRange] = []
        for port in self {
            if let last = ranges.last, last.high + 1 == port {
                ranges[ranges.count - 1] = last.extended(to: port)
            } else {
                ranges.append(PortRange(port))
            }
        }
        return ranges
    }

    /// The list that `init(list:)` reads, as the kernel prints it: `8080,9000-9010`.
    public var listText: String {
        ranges.map { $0.low == $0.high ? "\($0.low)" : "\($0.low)-\($0.high)" }.joined(separator: ",")
    }
}
