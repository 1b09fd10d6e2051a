extension Endpoint {
    /// What a client is given: one content, in one format or in several to choose from.
    package struct Page: Sendable {
        /// A part of a rendition that can be served without the others.
        package struct Section: Sendable {
            /// The name by which clients ask for it; nil for what belongs to every part, such as the end of the page.
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

            /// A rendition from its bytes, which are served from where they are. Who writes on in the same array copies
            /// it thereby.
            ///
            /// - Parameters:
            ///   - body: the bytes as they go out.
            ///   - contentType: the value of the header `Content-Type`, such as `text/plain; version=0.0.4`.
            ///   - sections: the parts that together are the bytes; none where the page has no parts.
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
