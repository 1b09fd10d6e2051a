/// A rendered page: immutable bytes, and where each section of it lies.
package struct Page: Sendable {
    /// A part of the page that belongs together, and could be served without the others.
    package struct Section: Equatable, Sendable {
        /// The section's name.
        package let name: String
        /// Its bytes.
        package let range: Range<Int>
    }

    /// The `Content-Type` of text format 0.0.4.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The whole page.
    package let bytes: [UInt8]
    /// The sections, in their order; together they are the page.
    package let sections: [Section]
}
