/// A set of ports: one bit for each of the 65,536, 8 KiB whatever it holds.
///
/// Which ports are in use, reserved or listened on is kept in these, so that a table of any size costs the same memory
/// and the questions between them ("usable and in use, but not listened on") are a few thousand machine instructions.
public struct PortSet: Equatable, Sendable {
    private var words: [UInt64]

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

    /// Whether the set holds no port.
    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Whether the port is in the set.
    public func contains(_ port: Port) -> Bool {
        words[Int(port >> 6)] & (1 << UInt64(port & 63)) != 0
    }

    /// The ports of this set that are even, or odd, as the given port is.
    public func sharingParity(of port: Port) -> PortSet {
        var result = self
        let mask: UInt64 = port.isMultiple(of: 2) ? 0x5555_5555_5555_5555 : 0xAAAA_AAAA_AAAA_AAAA
        for index in words.indices { result.words[index] &= mask }
        return result
    }

    /// Adds a port.
    public mutating func insert(_ port: Port) {
        words[Int(port >> 6)] |= 1 << UInt64(port & 63)
    }

    /// Adds every port of a range.
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

    /// Takes every port out, keeping the memory.
    public mutating func removeAll() {
        for index in words.indices { words[index] = 0 }
    }

    /// The ports that are in either set.
    public func union(_ other: PortSet) -> PortSet { combined(with: other, by: |) }

    /// The ports that are in both sets.
    public func intersection(_ other: PortSet) -> PortSet { combined(with: other, by: &) }

    /// The ports of this set that are not in the other.
    public func subtracting(_ other: PortSet) -> PortSet { combined(with: other) { $0 & ~$1 } }

    private func combined(with other: PortSet, by operation: (UInt64, UInt64) -> UInt64) -> PortSet {
        var result = self
        for index in words.indices { result.words[index] = operation(words[index], other.words[index]) }
        return result
    }
}

extension PortSet: Sequence {
    /// The ports of a set, the lowest first.
    public struct Iterator: IteratorProtocol {
        private let words: [UInt64]
        private var index = 0
        private var rest: UInt64

        fileprivate init(_ words: [UInt64]) {
            self.words = words
            rest = words[0]
        }

        /// The next port; nil after the last.
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

    /// The ports, the lowest first.
    public func makeIterator() -> Iterator { Iterator(words) }
}
