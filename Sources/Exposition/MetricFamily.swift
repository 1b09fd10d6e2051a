/// The header of a metric family: all but its samples.
package struct MetricFamily: Sendable {
    /// A type of the text formats.
    package enum Kind: String, Sendable {
        case gauge
        case counter
    }

    /// Matches `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    package let name: String
    package let kind: Kind
    /// The names of the labels, in the order in which samples give their values.
    package let labels: [String]
    /// Constant text: a meaning that depends on something needs a family of its own.
    package let help: String

    package init(_ name: String, _ kind: Kind, labels: [String] = [], _ help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }
}
