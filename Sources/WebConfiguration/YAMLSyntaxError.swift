/// A text that is no YAML, or none that is taken here.
struct YAMLSyntaxError: Error, Equatable {
    /// From 1.
    let line: Int
    let reason: String

    static let outOfMemory = YAMLSyntaxError(line: 1, reason: "no memory is left to read it")

    /// What libyaml does not understand, with the cause that it never names.
    static func malformed(_ problem: String, line: Int, of text: [UInt8]) -> YAMLSyntaxError {
        let lines = text.split(separator: UInt8(ascii: "\n"), maxSplits: line, omittingEmptySubsequences: false)
        let indentation = lines.dropFirst(line - 1).first?.prefix { [0x20, 0x09].contains($0) } ?? []
        let advice = indentation.contains(0x09) ? "; expected spaces as indentation, not a tab" : ""
        return YAMLSyntaxError(line: line, reason: "not YAML: \(problem)\(advice)")
    }
}
