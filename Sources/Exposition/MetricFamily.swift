/// What is said of a metric family beside its values.
package struct MetricFamily: Sendable {
    /// What its numbers do.
    package enum Kind: String, Sendable {
        /// They go up and down.
        case gauge
        /// They go up, and start anew with the process or the kernel.
        case counter
    }

    /// The name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    package let name: String
    /// The kind.
    package let kind: Kind
    /// The meaning: constant text.
    package let help: String

    /// A family.
    package init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }
}
