extension Endpoint {
    /// A text that an operator wrote and that cannot be read as what it should be.
    package struct SyntaxError: Error, Equatable {
        /// The text as it was written.
        package let text: String
        /// What is wrong with it, and what would be right.
        package let reason: String
    }
}

extension Endpoint.SyntaxError: CustomStringConvertible {
    /// The text in quotation marks and what is wrong with it, on one line whatever the text holds.
    package var description: String { "\(text.debugDescription): \(reason)" }
}
