extension Endpoint {
    /// What a client is given: bytes, and what they are.
    package struct Page: Sendable {
        /// The bytes as they go out.
        package let body: [UInt8]
        /// The value of the header `Content-Type`, such as `text/plain; version=0.0.4; charset=utf-8`.
        package let contentType: String

        /// A page from its bytes, which are served from where they are. Who writes on in the same array copies it
        /// thereby.
        package init(body: [UInt8], contentType: String) {
            self.body = body
            self.contentType = contentType
        }

        /// A sentence for people.
        init(sentence: String) {
            self.init(body: Array((sentence + "\n").utf8), contentType: "text/plain; charset=utf-8")
        }
    }
}
