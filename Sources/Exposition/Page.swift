/// A rendered page: immutable bytes, and where each section of it lies.
package struct Page: Sendable {
    /// A part of the page that belongs together, and can be served without the others.
    package struct Section: Equatable, Sendable {
        /// The section's name; nil for the end of the page, which belongs to every part of it.
        package let name: String?
        /// Its bytes.
        package let range: Range<Int>
    }

    /// How it is written.
    package let format: TextFormat
    /// The whole page.
    package let bytes: [UInt8]
    /// The sections, in their order; together they are the page.
    package let sections: [Section]
}
