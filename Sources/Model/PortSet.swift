/// A set of ports: one bit for each of the 65,536, 8 KiB whatever it holds.
///
/// A socket table of any size needs the same memory, and a set operation (usable and in use, but
/// without a listener) takes a few thousand machine instructions.
public struct PortSet: Equatable, Sendable {
    @usableFromInline var words: [UInt64]

    /// The empty set.
    public init() {
        words = [UInt64](repeating: 0, count: 1024)
    }

    /// The ports of a range.
    public init(_ range: PortRange) {
        self.init()
        insert(range)
    }

    /// The ports of a sequence.
    public init(_ ports: some Sequence<Port>) {
        self.init()
        for port in ports { insert(port) }
    }

    /// The number of ports in the set, 0 to 65,536.
    public var count: Int {
        var count = 0
        for word in words { count += word.nonzeroBitCount }
        return count
    }

    /// Whether the set has no ports.
    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Whether the port is in the set.
    @inlinable
    public func contains(_ port: Port) -> Bool {
        words[Int(port >> 6)] & (1 << UInt64(port & 63)) != 0
    }

    /// The ports that are even if `port` is even, else those that are odd.
    public func sharingParity(of port: Port) -> PortSet {
        var result = self
        let mask: UInt64 = port.isMultiple(of: 2) ? 0x5555_5555_5555_5555 : 0xAAAA_AAAA_AAAA_AAAA
        for index in words.indices { result.words[index] &= mask }
        return result
    }

    /// Inserts a port.
    @inlinable
    public mutating func insert(_ port: Port) {
        words[Int(port >> 6)] |= 1 << UInt64(port & 63)
    }

    /// Inserts every port of a range.
    public mutating func insert(_ range: PortRange) {
        let (first, last) = (Int(range.low >> 6), Int(range.high >> 6))
        let head = UInt64.max << UInt64(range.low & 63)
        let tail = UInt64.max >> UInt64(63 - range.high & 63)
        guard first < last else {
            words[first] |= head & tail
            return
        }
        words[first] |= head
        for index in first + 1..<last { words[index] = .max }
        words[last] |= tail
    }

    /// Removes every port and keeps the memory.
    public mutating func removeAll() {
        for index in words.indices { words[index] = 0 }
    }

    /// The ports in either set.
    public func union(_ other: PortSet) -> PortSet { combined(with: other, by: |) }

    /// The ports in both sets.
    public func intersection(_ other: PortSet) -> PortSet { combined(with: other, by: &) }

    /// The ports in this set and not in the other.
    public func subtracting(_ other: PortSet) -> PortSet { combined(with: other) { $0 & ~$1 } }

    private func combined(with other: PortSet, by operation: (UInt64, UInt64) -> UInt64) -> PortSet {
        var result = self
        for index in words.indices { result.words[index] = operation(words[index], other.words[index]) }
        return result
    }
}

extension PortSet: Sequence {
    /// Iterates in ascending order.
    public struct Iterator: IteratorProtocol {
        @usableFromInline let words: [UInt64]
        @usableFromInline var index = 0
        @usableFromInline var rest: UInt64

        @inlinable
        init(_ words: [UInt64]) {
            self.words = words
            rest = words[0]
        }

        /// The next port; nil after the last.
        @inlinable
        public mutating func next() -> Port? {
            while rest == 0 {
                index += 1
                guard index < words.count else { return nil }
                rest = words[index]
            }
            defer { rest &= rest - 1 }
            return Port(index << 6 | rest.trailingZeroBitCount)
        }
    }

    /// Iterates over the ports in ascending order.
    @inlinable
    public func makeIterator() -> Iterator { Iterator(words) }
}

extension PortSet {
    /// A syntax error in a list of ports.
    public struct ListError: Error, Equatable, CustomStringConvertible {
        /// The byte offset, from 0.
        public let offset: Int
        /// What is wrong at the offset.
        public let problem: String

        /// The offset and the problem.
        public var description: String { "byte \(offset): \(problem)" }
    }

    /// Parses a list such as `8080,9000-9010`, the format of `proc_do_large_bitmap()` in
    /// kernel/sysctl.c. An empty text is the empty set.
    ///
    /// - Parameter list: ASCII, without a newline at the end.
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
    /// The maximal ranges of consecutive ports, in ascending order.
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

    /// The list as the kernel prints it, `8080,9000-9010`; `init(list:)` parses it.
    public var listText: String {
        ranges.map { $0.low == $0.high ? "\($0.low)" : "\($0.low)-\($0.high)" }.joined(separator: ",")
    }
}
