/// A published page: answers are made of it when they are first asked for, and kept.
///
/// The whole page is wrapped once for each format and each encoding, and each of its sections compressed at most once
/// for each format; answers with some of the sections are put together from these.
final class Publication: Sendable {
    /// When the page's sample was taken, on CLOCK_MONOTONIC.
    let sampledAt: Duration
    private let page: Endpoint.Page
    private let kept: Guarded<Kept>

    /// What a client wants of the page.
    struct Form {
        /// The value of its header `Accept`.
        var accept: String?
        /// The value of its header `Accept-Encoding`.
        var acceptEncoding: String?
        /// nil: all sections.
        var filter: SectionFilter?
    }

    private struct Kept {
        var deflations: [Deflation?]
        /// The whole page in each format, as it is and in gzip, with the headers of these settings.
        var responses: [[Response?]]
        var settings: Int?
    }

    init(_ page: Endpoint.Page, sampledAt: Duration) {
        self.page = page
        self.sampledAt = sampledAt
        let formats = page.renditions.count
        kept = Guarded(
            Kept(
                deflations: Array(repeating: nil, count: formats),
                responses: Array(repeating: [nil, nil], count: formats)
            )
        )
    }

    /// The names of the sections.
    var sectionNames: [String] {
        page.renditions[0].sections.compactMap(\.name)
    }

    /// The answer in one form.
    ///
    /// - Parameters:
    ///   - headers: what goes with every answer.
    ///   - settings: the number of the settings that these headers come from.
    func response(in form: Form, headers: [Response.Header], of settings: Int) -> Response {
        let format = Negotiation.choice(form.accept, among: page.renditions.map(\.contentType))
        let isGzip = Negotiation.prefersGzip(form.acceptEncoding)
        return kept.withLock { kept in
            if kept.settings != settings {
                kept.responses = kept.responses.map { _ in [nil, nil] }
                kept.settings = settings
            }
            if form.filter == nil, let response = kept.responses[format][isGzip ? 1 : 0] { return response }
            let rendition = page.renditions[format]
            let body = isGzip ? gzip(format, form.filter, &kept) : plain(rendition, form.filter)
            var own = [("Content-Type", rendition.contentType), ("Vary", "Accept, Accept-Encoding")]
            if isGzip { own.append(("Content-Encoding", "gzip")) }
            let response = Response(.ok, body, headers: own + headers)
            if form.filter == nil { kept.responses[format][isGzip ? 1 : 0] = response }
            return response
        }
    }

    private func plain(_ rendition: Endpoint.Page.Rendition, _ filter: SectionFilter?) -> [UInt8] {
        guard let filter else { return rendition.body }
        return rendition.sections.filter(filter.takes).reduce(into: []) { $0 += rendition.body[$1.range] }
    }

    private func gzip(_ format: Int, _ filter: SectionFilter?, _ kept: inout Kept) -> [UInt8] {
        let rendition = page.renditions[format]
        let sections =
            rendition.sections.isEmpty
            ? [Endpoint.Page.Section(name: nil, range: rendition.body.indices)] : rendition.sections
        let deflation = kept.deflations[format] ?? Deflation(of: rendition.body, in: sections.map(\.range))
        kept.deflations[format] = deflation
        let wanted = zip(sections, deflation.pieces).filter { filter?.takes($0.0) ?? true }
        return Deflation.member(wanted.map(\.1))
    }
}
