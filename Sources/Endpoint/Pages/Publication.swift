import Synchronization

/// A published page: answers are made when they are first asked for, and kept.
final class Publication: Sendable {
    /// When the page's sample was taken, on CLOCK_MONOTONIC.
    let sampledAt: Duration
    private let page: Endpoint.Page
    /// Its own, beside those of the settings.
    private let headers: [Response.Header]
    private let kept = Mutex([Form: Response]())

    private struct Form: Hashable {
        let format: Int
        let isGzip: Bool
        /// nil: the whole page.
        let filter: SectionFilter?
        /// The number of the settings whose headers it has.
        let settings: Int
    }

    /// How many forms are kept: the whole page in all of its forms, and what a few clients ask for.
    private static let mostKept = 12

    /// - Parameter headers: of this page alone; those of the settings take the place of them.
    init(_ page: Endpoint.Page, sampledAt: Duration, headers: [Response.Header] = []) {
        self.page = page
        self.headers = headers
        self.sampledAt = sampledAt
    }

    var sectionNames: [String] { page.renditions[0].sections.compactMap(\.name) }

    /// The answer in the format and the encoding that a client likes best.
    ///
    /// - Parameters:
    ///   - headers: those of the request.
    ///   - filter: the sections that are wanted; nil for all.
    func response(to headers: RequestFields, _ filter: SectionFilter?, _ settings: SettingsInForce) -> Response {
        let form = Form(
            format: Negotiation.choice(headers.joined("Accept"), among: page.renditions.map(\.contentType)),
            isGzip: Negotiation.prefersGzip(headers.joined("Accept-Encoding")),
            filter: filter,
            settings: settings.number
        )
        return kept.withLock { kept in
            if let response = kept[form] { return response }
            let rendition = page.renditions[form.format]
            let part = filter.map { filter in
                rendition.sections.filter(filter.takes).reduce(into: []) { $0 += rendition.body[$1.range] }
            }
            let body = part ?? rendition.body
            let common = settings.answers.headers
            let set = Set(common.map { $0.name.lowercased() })
            let response = Response(
                .ok,
                form.isGzip ? Gzip.compressed(body) : body,
                headers: [("Content-Type", rendition.contentType), ("Vary", "Accept, Accept-Encoding")]
                    + (form.isGzip ? [("Content-Encoding", "gzip")] : [])
                    + self.headers.filter { !set.contains($0.name.lowercased()) } + common,
                sampledAt: sampledAt
            )
            if kept.count < Self.mostKept { kept[form] = response }
            return response
        }
    }
}
