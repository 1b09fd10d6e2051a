import Model

/// How a number grows that also comes and goes: the live connections to a destination, of which
/// some leak.
///
/// Readings are kept at several resolutions. The finest has each of the last 64 readings; each of
/// the others has the means of pairs of the one before, the last 24 of them. So a leak of many a
/// second is seen within a few readings, one of a few a minute within an hour, whatever the
/// interval is, and what comes and goes is averaged out.
///
/// At each resolution, and over several numbers of the last steps, the growth is compared with the
/// noise of a step: the scatter of these steps around their mean, or of the steps before them.
/// Growth that is several times as large as its noise (`significance`), and uses up 2 % of what is
/// left, is a leak; of several the clearest counts, and its slope is that of a line through its
/// points. Whether a step follows from the one before (connections that last) or not (short ones),
/// each resolution has the scatter that belongs to its steps.
///
///     var growth = Growth()
///     growth.note(connections, at: now)
///     let perSecond = growth.perSecond(left: freePorts)
struct Growth: Sendable {
    /// The mean of some readings.
    private struct Point {
        var time: Double
        var value: Double
    }

    /// The points of one resolution.
    private struct Resolution {
        var points: [Point] = []
        /// The first of a pair whose second has not come.
        var half: Point?
    }

    private static let finest = 64
    private static let coarser = 24
    private static let resolutions = 10
    /// How many times as large as its noise a growth has to be, where hardly anything comes and
    /// goes, and where more does: by chance the noise is then taken for less than it is.
    private static let significance = (quiet: 5.5, noisy: 6.5)
    /// The least noise of a step: a steady growth that is read as whole numbers scatters by that
    /// much.
    private static let leastVariance = 0.16
    private static let stepCounts = [2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 23, 32, 48]

    private var resolutions: [Resolution] = []

    /// Takes in a reading.
    mutating func note(_ value: Int, at now: Instant) {
        var point = Point(time: now - Instant(nanoseconds: 0), value: Double(value))
        for index in 0..<Self.resolutions {
            if index == resolutions.count { resolutions.append(Resolution()) }
            resolutions[index].points.append(point)
            let limit = index == 0 ? Self.finest : Self.coarser
            if resolutions[index].points.count > limit { resolutions[index].points.removeFirst() }
            guard let half = resolutions[index].half else {
                resolutions[index].half = point
                return
            }
            resolutions[index].half = nil
            point = Point(time: (half.time + point.time) / 2, value: (half.value + point.value) / 2)
        }
    }

    /// By how much the number grows in a second; 0 if it does not, or not that one could tell.
    ///
    /// - Parameter left: how much it can grow.
    func perSecond(left: Int) -> Double {
        var best: (clearness: Double, points: ArraySlice<Point>)?
        for (index, resolution) in resolutions.enumerated() {
            guard let last = resolution.points.last else { continue }
            let steps = Self.steps(resolution.points)
            for count in Self.stepCounts where count <= steps.count && (index == 0 || count >= 6) {
                // Few readings say little.
                let isShort = index == 0 && count < 8
                let least = isShort ? max(4, 0.03 * Double(left)) : max(1, 0.02 * Double(left))
                guard let clearness = Self.clearness(steps, last: count, atLeast: least, now: last.value) else {
                    continue
                }
                if clearness > best?.clearness ?? 1 {
                    best = (clearness, resolution.points.suffix(count + 1))
                }
            }
        }
        return best.map { max(0, Self.slope($0.points)) } ?? 0
    }

    private typealias Step = (time: Double, growth: Double)

    private static func steps(_ points: [Point]) -> [Step] {
        zip(points, points.dropFirst()).map { ($1.time - $0.time, $1.value - $0.value) }
    }

    /// How many times as clear as it has to be the growth over the last steps is; nil where it is
    /// too small, or where it has ended: their last third has to have half of its part.
    private static func clearness(_ steps: [Step], last count: Int, atLeast least: Double, now level: Double) -> Double?
    {
        let window = steps.suffix(count)
        let (time, growth) = sum(window)
        guard growth >= least, growth > 1, time > 0 else { return nil }
        let rate = growth / time
        let recent = sum(steps.suffix(max(1, count / 3)))
        guard recent.growth >= rate * recent.time / 2 else { return nil }
        var variance = window.reduce(0) { $0 + square($1.growth - rate * $1.time) } / Double(count - 1)
        let before = steps.dropLast(count)
        if before.count >= 4 {
            variance = max(variance, Self.variance(before))
        } else if count < 4 {
            // Nothing is known of the noise yet. A number that comes and goes at random scatters
            // in proportion to itself, but most connections do not come and go at random.
            variance = max(variance, (level - growth / 2) / 8)
        }
        let noise = (Double(count) * max(variance, leastVariance)).squareRoot()
        return growth / noise / (variance > 1 ? significance.noisy : significance.quiet)
    }

    /// The scatter of steps around their mean, without the tenth that is farthest from it: a pool
    /// that was opened at once is no noise.
    private static func variance(_ steps: ArraySlice<Step>) -> Double {
        let mean = sum(steps).growth / Double(steps.count)
        let squares = steps.map { square($0.growth - mean) }.sorted()
        let kept = squares.dropLast(max(1, squares.count / 10))
        return kept.reduce(0, +) / Double(kept.count)
    }

    private static func sum(_ steps: ArraySlice<Step>) -> Step {
        steps.reduce((0, 0)) { ($0.time + $1.time, $0.growth + $1.growth) }
    }

    /// The slope of the line that lies nearest to the points.
    private static func slope(_ points: ArraySlice<Point>) -> Double {
        let count = Double(points.count)
        let time = points.reduce(0) { $0 + $1.time } / count
        let value = points.reduce(0) { $0 + $1.value } / count
        let (product, squares) = points.reduce((0.0, 0.0)) {
            ($0.0 + ($1.time - time) * ($1.value - value), $0.1 + square($1.time - time))
        }
        return product / squares
    }

    private static func square(_ number: Double) -> Double { number * number }
}
