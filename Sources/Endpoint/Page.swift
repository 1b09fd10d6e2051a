extension Endpoint {
    /// One content, in one format or in several for the client to choose from.
    package struct Page: Sendable {
        /// A part of a rendition that can be served without the others.
        package struct Section: Sendable {
            /// The name by which clients ask for it; nil for what belongs to every part, such as
            /// the end of the page.
            let name: String?
            let range: Range<Int>

            /// A section; those of a rendition follow each other without a gap.
            package init(name: String?, range: Range<Int>) {
                self.name = name
                self.range = range
            }
        }

        package struct Rendition: Sendable {
            let contentType: String
            let body: [UInt8]
            let sections: [Section]

            /// A rendition from its bytes, which are served from where they are. Who writes on in
            /// the same array copies it thereby.
            ///
            /// - Parameters:
            ///   - body: the bytes as they go out.
            ///   - contentType: the value of the header `Content-Type`, such as `text/plain;
            ///     version=0.0.4`.
            ///   - sections: the parts that together are the bytes; none where the page has no
            ///     parts.
            package init(body: [UInt8], contentType: String, sections: [Section] = []) {
                self.body = body
                self.contentType = contentType
                self.sections = sections
            }
        }

        /// The first is for clients that do not care.
        let renditions: [Rendition]

        /// A page in several formats, 1 or more, all with the same sections.
        package init(_ renditions: [Rendition]) {
            precondition(!renditions.isEmpty, "a page has a rendition")
            self.renditions = renditions
        }

        package init(body: [UInt8], contentType: String) {
            self.init([Rendition(body: body, contentType: contentType)])
        }
    }
}

extension Endpoint {
    /// A page that is made on request, at most once for each published page and
    /// form.
    package struct OnDemandPage: Sendable {
        /// Where it is, such as `/`. The telemetry path goes first.
        let path: String
        /// Headers of its own. One that the web configuration file sets takes the place of one of
        /// these.
        let headers: [(name: String, value: String)]
        /// The numbers that its query may hold, such as `refresh` from 1 to 3600; other arguments
        /// are ignored.
        let arguments: [String: ClosedRange<Int>]
        /// Makes the page, for those arguments that the query has.
        let make: @Sendable (_ arguments: [String: Int]) -> Page

        /// A page on demand.
        ///
        /// - Parameter make: called on a thread that makes one page after the other. It may take
        ///   its time: those who ask for such a page wait for it, and nobody else.
        package init(
            path: String,
            headers: [(name: String, value: String)] = [],
            arguments: [String: ClosedRange<Int>] = [:],
            make: @escaping @Sendable (_ arguments: [String: Int]) -> Page
        ) {
            self.path = path
            self.headers = headers
            self.arguments = arguments
            self.make = make
        }
    }
}

/// A page on demand in the form that a query asks for.
struct PageForm: Hashable {
    /// Which page, by its place in the settings.
    let place: Int
    let arguments: [String: Int]

    /// Reads the arguments of a query.
    ///
    /// - Throws: what one of them has to be.
    init(_ query: RequestFields, ofPage place: Int, _ page: Endpoint.OnDemandPage) throws(RequestFault) {
        var arguments: [String: Int] = [:]
        for (name, value) in query.all {
            guard let range = page.arguments[name] else { continue }
            let isNumber = value.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            guard isNumber, let number = Int(value), range.contains(number), arguments[name] == nil else {
                let bounds = "from \(range.lowerBound) to \(range.upperBound)"
                throw RequestFault(sentence: "\(name) has to be one whole number \(bounds).")
            }
            arguments[name] = number
        }
        self.place = place
        self.arguments = arguments
    }
}
