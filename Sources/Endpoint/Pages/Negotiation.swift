/// Content negotiation: which form of a page a client gets (RFC 9110, 12.4.2 and 12.5).
enum Negotiation {
    /// The place of the content type that a client likes best among those that there are.
    ///
    /// Each has the weight of the most specific alternative that it matches. Where two weigh the
    /// same, the one that was named more exactly wins, then the one that was named first, then the
    /// first of the list. Where none is acceptable the first is given all the same: exporters do
    /// not answer 406.
    ///
    /// - Parameters:
    ///   - accept: the value of the header `Accept`; nil where there is none.
    ///   - contentTypes: as in the header `Content-Type`, 1 or more.
    static func choice(_ accept: String?, among contentTypes: [String]) -> Int {
        guard let accept, contentTypes.count > 1 else { return 0 }
        let list = alternatives(accept)
        let ranks = contentTypes.map { rank(of: $0, in: list) }
        return ranks.indices.max { ranks[$0] < ranks[$1] } ?? 0
    }

    /// Whether the client would rather have the page in gzip than as it is.
    ///
    /// - Parameter acceptEncoding: the value of the header `Accept-Encoding`; nil where there is
    ///   none.
    static func prefersGzip(_ acceptEncoding: String?) -> Bool {
        let weights = Dictionary(
            alternatives(acceptEncoding ?? "").map { ($0.value == "x-gzip" ? "gzip" : $0.value, $0.weight) },
            uniquingKeysWith: { first, _ in first }
        )
        let gzip = weights["gzip"] ?? weights["*"] ?? 0
        // As it is, a page is always acceptable, unless the client says otherwise, but least of
        // all.
        return gzip > 0 && gzip >= weights["identity"] ?? 0
    }

    /// `text/plain;version=0.0.4;q=0.5` has the value `text/plain`, in lower case, and the weight
    /// 0.5, from 0 (never) to 1.
    private struct Alternative {
        let value: String
        var version: String?
        var weight = 1.0
    }

    /// How well a content type is liked: its weight; whether by the type with its version (3), the
    /// type (2), `text/*` (1) or `*/*` (0); and in the first two cases where, counted downwards.
    private static func rank(of contentType: String, in list: [Alternative]) -> (Double, Int, Int) {
        let offered = alternatives(contentType)[0]
        let family = offered.value.prefix { $0 != "/" } + "/*"
        var best = (weight: 0.0, exactness: -1, place: 0)
        for (place, wanted) in list.enumerated() where wanted.version ?? offered.version == offered.version {
            let exactness =
                switch wanted.value {
                case offered.value: wanted.version == nil ? 2 : 3
                case String(family): 1
                case "*/*", "*": 0
                default: -1
                }
            if exactness > best.exactness { best = (wanted.weight, exactness, exactness < 2 ? 0 : -place) }
        }
        return best.weight > 0 ? best : (0, -1, 0)
    }

    /// The alternatives of a header, in its order. Entries with an invalid weight are dropped.
    private static func alternatives(_ text: String) -> [Alternative] {
        // No client has a longer list; what is behind this many bytes is not read.
        pieces(of: String(decoding: text.utf8.prefix(1_024), as: UTF8.self), at: ",").compactMap { entry in
            let parts = pieces(of: entry, at: ";")
            var found = Alternative(value: parts[0].lowercased())
            for part in parts.dropFirst() {
                let pair = pieces(of: part, at: "=")
                guard pair.count > 1 else { continue }
                let value = pair[1].trimming { $0 == "\"" }
                switch pair[0].lowercased() {
                case "version": found.version = value
                case "q":
                    guard value.wholeMatch(of: /0?(\.[0-9]{0,3})?|1(\.0{0,3})?/) != nil, let weight = Double(value)
                    else {
                        return nil
                    }
                    found.weight = weight
                default: break
                }
            }
            return found
        }
    }

    /// The trimmed pieces between separators that do not stand in quotation marks.
    private static func pieces(of text: String, at separator: Character) -> [String] {
        var isQuoted = false
        let pieces = text.split(omittingEmptySubsequences: false) { character in
            if character == "\"" { isQuoted.toggle() }
            return character == separator && !isQuoted
        }
        return pieces.map { String($0).trimming { $0 == " " || $0 == "\t" } }
    }
}

extension String {
    fileprivate func trimming(_ isDropped: (Character) -> Bool) -> String {
        let end = lastIndex { !isDropped($0) }
        return end.map { self[...$0].drop(while: isDropped) }.map(String.init) ?? ""
    }
}
