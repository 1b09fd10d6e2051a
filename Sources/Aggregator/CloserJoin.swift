import Model

/// A TIME_WAIT that began, as the join with closes needs it.
struct ClosedRow {
    let ends: ConnectionEnds
    /// When it began: after its close, but for the error of the timer.
    let began: Instant
    let role: Role
    let peer: Peer
    /// The service port that it belongs to.
    let port: Port?
}

/// The rows of one reading that the join with closes needs.
struct ClosingRows {
    /// The most of each kind that are kept.
    private static let most = 524_288

    private(set) var new: [ClosedRow] = []
    /// The connections in FIN_WAIT1, FIN_WAIT2 or CLOSING: their closes wait for TIME_WAIT.
    private(set) var closing: [ConnectionEnds] = []

    mutating func note(new row: ClosedRow) {
        if new.count < Self.most { new.append(row) }
    }

    mutating func note(closing row: borrowing SocketRow) {
        if closing.count < Self.most { closing.append(ConnectionEnds(row)) }
    }
}

/// Closes by the ends of their connections.
struct CloseIndex: ~Copyable {
    /// How late a TIME_WAIT may seem to begin: its timer, and the clock when it was read, are not
    /// exact.
    private static let slack = 0.25
    private static let none: UInt32 = .max

    private let closes: [ActiveClose]
    /// The last close of each hash, and for each close the one before it of the same hash.
    private var heads: [UInt32]
    private var before: [UInt32]
    /// Whether a row has taken the close.
    private(set) var isTaken: [Bool]
    /// Whether its connection is still closing.
    private(set) var isClosing: [Bool]
    private let seed: UInt64

    /// - Parameters:
    ///   - closes: in the order of time.
    ///   - seed: a random number, so that nobody can choose connections that share a hash.
    init(_ closes: [ActiveClose], seed: UInt64) {
        self.closes = closes
        self.seed = seed
        var size = 64
        while size < 2 * closes.count { size *= 2 }
        heads = [UInt32](repeating: Self.none, count: size)
        before = [UInt32](repeating: Self.none, count: closes.count)
        isTaken = [Bool](repeating: false, count: closes.count)
        isClosing = isTaken
        for (index, close) in closes.enumerated() {
            let slot = slot(of: close.ends)
            before[index] = heads[slot]
            heads[slot] = UInt32(index)
        }
    }

    /// Takes the close of a TIME_WAIT.
    ///
    /// Another namespace may have had a close with the same ends at about the same time. A close of
    /// a process that is known to be here goes first, and of those the last before the row began.
    ///
    /// - Returns: its index; nil where there is none.
    mutating func take(_ row: borrowing ClosedRow) -> Int? {
        var best: UInt32 = Self.none
        var next = heads[slot(of: row.ends)]
        while next != Self.none {
            let close = closes[Int(next)]
            if !isTaken[Int(next)], close.ends == row.ends, close.time <= row.began + Self.slack,
                best == Self.none || close.home.rank < closes[Int(best)].home.rank
            {
                best = next
            }
            next = before[Int(next)]
        }
        guard best != Self.none else { return nil }
        isTaken[Int(best)] = true
        return Int(best)
    }

    /// Notes that a connection is closing: its last close waits.
    mutating func note(closing ends: ConnectionEnds) {
        var next = heads[slot(of: ends)]
        while next != Self.none, isTaken[Int(next)] || closes[Int(next)].ends != ends { next = before[Int(next)] }
        if next != Self.none { isClosing[Int(next)] = true }
    }

    private func slot(of ends: ConnectionEnds) -> Int {
        var hash = seed
        func mix(_ word: UInt64) {
            hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        mix(ends.localAddress.high)
        mix(ends.localAddress.low)
        mix(ends.remoteAddress.high)
        mix(ends.remoteAddress.low)
        mix(UInt64(ends.localPort) << 16 | UInt64(ends.remotePort))
        return Int(truncatingIfNeeded: hash) & (heads.count - 1)
    }
}

extension ProcessHome {
    /// The order in which closes with the same ends are taken.
    fileprivate var rank: Int {
        switch self {
        case .here: 0
        case .unknown: 1
        case .elsewhere: 2
        }
    }
}
