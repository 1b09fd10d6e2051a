import func Glibc.log

/// What a bounded table can be asked for.
protocol TableKey: Hashable, Sendable {
    /// A number whose lower bits depend on the whole key.
    func hash(_ seed: HashSeed) -> UInt64

    /// Equality, compiled into the loop that looks keys up.
    func isSame(as other: Self) -> Bool
}

/// What only this process knows, so that nobody can choose addresses and ports that make its tables
/// slow.
struct HashSeed: Sendable {
    private let first = UInt64.random(in: .min ... .max)
    private let second = UInt64.random(in: .min ... .max)

    /// A number that depends on both, and on the seed: the halves of their product, folded, as in
    /// wyhash.
    @inline(__always)
    func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = (left ^ first).multipliedFullWidth(by: right ^ second)
        return product.high ^ product.low
    }
}

/// Gives each key of a reading a dense place from 0, in bounded memory whatever the traffic.
///
/// The first 16,384 keys have places, and those that were there before the first row. Of the others
/// a sketch keeps count (`CountSketch`), and one that turns out to be frequent gets one of 1,024
/// further places: what it had before is then known only as the sketch estimates it.
struct BoundedTable<Key: TableKey>: Sendable {
    private static var bound: Int { 16_384 }
    private static var boundWithFrequent: Int { bound + 1024 }
    private static var smallest: Int { 1024 }

    /// The keys by their places.
    private(set) var keys: [Key] = []
    /// The place of the key that belongs here plus one; 0 where there is none.
    private(set) var index = [UInt16](repeating: 0, count: smallest)
    private var sketch: CountSketch?
    private let seed = HashSeed()

    /// Whether there were more keys than have places.
    var isEstimated: Bool { sketch != nil }

    /// How many keys there were: exact, or estimated to about one percent.
    var count: Int { keys.count + (sketch?.distinct ?? 0) }

    /// Forgets all keys, and gives memory back that was not needed.
    mutating func removeAll() {
        if index.count > Self.smallest, keys.count < index.count / 8 {
            index = [UInt16](repeating: 0, count: max(Self.smallest, index.count / 4))
            keys = []
        } else {
            for place in index.indices { index[place] = 0 }
            keys.removeAll(keepingCapacity: true)
        }
        sketch = nil
    }

    /// The place of a key, if it has one.
    func find(_ key: Key) -> Int? {
        let place = Int(index[slot(of: key)]) - 1
        return place < 0 ? nil : place
    }

    /// The place of a key that a row has: a new one is the number of places until now.
    ///
    /// - Returns: the place, nil where the key has none; and how many rows of the key came before
    ///   that are not counted under its place, as estimated.
    @inline(__always)
    mutating func place(of key: Key) -> (place: Int?, uncounted: Int) {
        let slot = slot(of: key)
        let place = Int(index[slot]) - 1
        return place >= 0 ? (place, 0) : insert(key)
    }

    private mutating func insert(_ key: Key) -> (place: Int?, uncounted: Int) {
        var uncounted = 0
        if keys.count >= Self.bound {
            guard let estimate = addToSketch(key.hash(seed)), keys.count < Self.boundWithFrequent else {
                return (nil, 0)
            }
            uncounted = estimate - 1
        }
        if keys.count * 2 >= index.count { grow() }
        keys.append(key)
        index[slot(of: key)] = UInt16(keys.count)
        return (keys.count - 1, uncounted)
    }

    /// Counts a row of a key that has no place.
    ///
    /// - Returns: the estimate of its rows where it is frequent. Done in place: a copy of the
    ///   sketch for each row would cost more than all else.
    private mutating func addToSketch(_ hash: UInt64) -> Int? {
        if sketch == nil { sketch = CountSketch() }
        guard let estimate = sketch?.add(hash), let frequent = sketch?.frequent else { return nil }
        return estimate >= frequent ? estimate : nil
    }

    private mutating func grow() {
        index = [UInt16](repeating: 0, count: index.count * 2)
        for (place, key) in keys.enumerated() { index[slot(of: key)] = UInt16(place + 1) }
    }

    /// Where the key stands in the index, or the free slot where it belongs.
    private func slot(of key: Key) -> Int { slot(of: key, in: index.span, keys.span) }

    /// The same in a loop that keeps both spans.
    @inline(__always)
    func slot(of key: Key, in index: Span<UInt16>, _ keys: Span<Key>) -> Int {
        let mask = index.count - 1
        var slot = Int(truncatingIfNeeded: key.hash(seed)) & mask
        while index[slot] != 0, !keys[Int(index[slot]) - 1].isSame(as: key) { slot = (slot + 1) & mask }
        return slot
    }
}

/// Counts rows of any number of keys in 384 KiB: a Count-Min sketch, and linear counting of the
/// distinct keys.
///
/// An estimate is never too low. It is too high by at most e * rows / 32,768 for 98 of 100 keys (d
/// = 4, w = 32,768): with 200,000 rows by at most 17.
struct CountSketch: Sendable {
    private static let width = 32_768
    private static let bits = 1 << 20

    private var counters = [UInt16](repeating: 0, count: 4 * width)
    private var seen = [UInt64](repeating: 0, count: bits / 64)
    private var rows = 0

    /// From how many rows on a key is frequent: by chance none of the others is estimated so high.
    var frequent: Int { 16 + rows / 8192 }

    /// How many distinct keys were added: from the bits that are still free, about 1 % wrong up to
    /// five million.
    var distinct: Int {
        let free = Self.bits - seen.reduce(0) { $0 + $1.nonzeroBitCount }
        return Int(-Double(Self.bits) * log(Double(max(free, 1)) / Double(Self.bits)))
    }

    /// Adds a row.
    ///
    /// - Returns: the estimate of the key's rows, this one included.
    mutating func add(_ hash: UInt64) -> Int {
        rows += 1
        let bit = Int(truncatingIfNeeded: hash >> 40) & (Self.bits - 1)
        seen[bit >> 6] |= 1 << UInt64(bit & 63)
        var estimate = UInt16.max
        var mixed = hash
        for row in 0..<4 {
            mixed = (mixed ^ mixed >> 31) &* 0x9E37_79B9_7F4A_7C15
            let place = row * Self.width + Int(truncatingIfNeeded: mixed >> 49)
            if counters[place] < .max { counters[place] += 1 }
            estimate = min(estimate, counters[place])
        }
        return Int(estimate)
    }
}
