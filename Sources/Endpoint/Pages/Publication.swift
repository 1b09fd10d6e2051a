import Synchronization

/// A published page: answers are made when they are first asked for, and kept.
final class Publication: Sendable {
    /// When the page's sample was taken, on CLOCK_MONOTONIC.
    let sampledAt: Duration
    private let page: Endpoint.Page
    private let kept = Mutex(Kept())

    private struct Kept {
        var responses: [Form: Response] = [:]
        /// The number of the settings whose headers they have.
        var settings = 0
    }

    private struct Form: Hashable {
        let format: Int
        let isGzip: Bool
        /// nil: the whole page.
        let filter: SectionFilter?
    }

    /// How many forms are kept: the whole page in all of its forms, and what a few clients ask for.
    private static let mostKept = 12

    init(_ page: Endpoint.Page, sampledAt: Duration) {
        self.page = page
        self.sampledAt = sampledAt
    }

    /// The names of the sections.
    var sectionNames: [String] { page.renditions[0].sections.compactMap(\.name) }

    /// The bytes that it holds in memory, without what is compressed.
    var size: Int { page.renditions.reduce(0) { $0 + $1.body.count } }

    /// The answer in the format and the encoding that a client likes best.
    ///
    /// - Parameters:
    ///   - headers: those of the request.
    ///   - filter: the sections that are wanted; nil for all.
    func response(to headers: RequestFields, _ filter: SectionFilter?, _ settings: SettingsInForce) -> Response {
        let form = Form(
            format: Negotiation.choice(headers.joined("Accept"), among: page.renditions.map(\.contentType)),
            isGzip: Negotiation.prefersGzip(headers.joined("Accept-Encoding")),
            filter: filter
        )
        return kept.withLock { kept in
            if kept.settings != settings.number { kept = Kept(settings: settings.number) }
            if let response = kept.responses[form] { return response }
            let rendition = page.renditions[form.format]
            let body = filter.map { filter in
                rendition.sections.filter(filter.takes).reduce(into: []) { $0 += rendition.body[$1.range] }
            }
            let response = response(of: rendition, body ?? rendition.body, form, settings)
            if kept.responses.count < Self.mostKept { kept.responses[form] = response }
            return response
        }
    }

    private func response(
        of rendition: Endpoint.Page.Rendition,
        _ body: [UInt8],
        _ form: Form,
        _ settings: SettingsInForce
    ) -> Response {
        var headers = [("Content-Type", rendition.contentType), ("Vary", "Accept, Accept-Encoding")]
        if form.isGzip { headers.append(("Content-Encoding", "gzip")) }
        return Response(.ok, form.isGzip ? Gzip.compressed(body) : body, headers: headers + settings.answers.headers)
    }
}
