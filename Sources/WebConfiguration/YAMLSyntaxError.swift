/// A text that is no YAML, or none that is taken here.
struct YAMLSyntaxError: Error, Equatable {
    /// From 1.
    let line: Int
    let reason: String

    static let outOfMemory = YAMLSyntaxError(line: 1, reason: "no memory is left to read it")
}
