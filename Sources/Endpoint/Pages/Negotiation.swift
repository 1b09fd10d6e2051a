/// Which form of a page a client gets, by what it says it can read.
enum Negotiation {
    /// The place of the content type that a client likes best among those that there are.
    ///
    /// Each has the weight of the most specific alternative that it matches. Where two weigh the same, the one that was
    /// named more exactly wins, then the one that was named first, then the first of the list. Where none is acceptable
    /// the first is given all the same: exporters do not answer 406.
    ///
    /// - Parameters:
    ///   - accept: the value of the header `Accept`; nil where there is none.
    ///   - contentTypes: as in the header `Content-Type`, 1 or more.
    static func choice(_ accept: String?, among contentTypes: [String]) -> Int {
        guard let accept, contentTypes.count > 1 else { return 0 }
        let list = WeightedList(accept).alternatives
        var best: (place: Int, match: Match)?
        for (place, contentType) in contentTypes.enumerated() {
            guard let match = match(of: contentType, in: list), match.weight > 0 else { continue }
            if let best, !match.isBetter(than: best.match) { continue }
            best = (place, match)
        }
        return best?.place ?? 0
    }

    /// Whether the client would rather have the page in gzip than as it is.
    ///
    /// - Parameter acceptEncoding: the value of the header `Accept-Encoding`; nil where there is none.
    static func prefersGzip(_ acceptEncoding: String?) -> Bool {
        guard let acceptEncoding else { return false }
        let list = WeightedList(acceptEncoding).alternatives
        let others = list.first { $0.value == "*" }?.weight
        guard let gzip = list.first(where: { $0.value == "gzip" || $0.value == "x-gzip" })?.weight ?? others else {
            return false
        }
        // As it is, a page is always acceptable, unless the client says otherwise, but least of all.
        let identity = list.first { $0.value == "identity" }?.weight ?? 0
        return gzip > 0 && gzip >= identity
    }

    private struct Match {
        let weight: Double
        /// 0 `*/*`, 1 `text/*`, 2 the type, 3 the type with its version.
        let exactness: Int
        /// Where in the header.
        let place: Int

        func isBetter(than other: Match) -> Bool {
            if weight != other.weight { return weight > other.weight }
            if exactness != other.exactness { return exactness > other.exactness }
            return exactness >= 2 && place < other.place
        }
    }

    private static func match(of contentType: String, in list: [WeightedList.Alternative]) -> Match? {
        guard let offered = WeightedList(contentType).alternatives.first else { return nil }
        let family = offered.value.prefix { $0 != "/" } + "/*"
        var best: Match?
        for (place, wanted) in list.enumerated() {
            let version = wanted.parameters["version"]
            guard version == nil || version == offered.parameters["version"] else { continue }
            let exactness: Int
            switch wanted.value {
            case offered.value: exactness = version == nil ? 2 : 3
            case String(family): exactness = 1
            case "*/*", "*": exactness = 0
            default: continue
            }
            if exactness > best?.exactness ?? -1 {
                best = Match(weight: wanted.weight, exactness: exactness, place: place)
            }
        }
        return best
    }
}
