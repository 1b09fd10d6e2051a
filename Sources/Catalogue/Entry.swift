package import Exposition

/// A metric family, and how its values come out of a sample.
package struct Entry: Sendable {
    /// How often a value is read.
    package enum Rhythm: String, Sendable {
        /// With the socket table.
        case interval = "Sampled on a timer, every --sampler.interval."
        /// With the files that cost microseconds.
        case second = "Sampled on a timer, every second."
    }

    /// The name, the kind and the meaning.
    package let family: MetricFamily
    /// The section of the page it stands in: the collector's that reads it, or the exporter's own.
    package let section: PageSection
    /// Whether it says nothing on a page of one reading by a process that then ends: counts since
    /// the start of the process, and what the exporter says of itself.
    private(set) var isOnlyServed = false
    private let write: @Sendable (PageInput, inout TextWriter) -> Void

    /// A family with any number of samples.
    init(
        _ section: PageSection,
        _ kind: MetricFamily.Kind,
        _ name: String,
        _ help: String,
        _ rhythm: Rhythm,
        _ write: @escaping @Sendable (PageInput, inout TextWriter) -> Void
    ) {
        family = MetricFamily(name, kind, "\(help) \(rhythm.rawValue)")
        self.section = section
        self.write = write
    }

    /// A family of one sample, which is absent where the value is nil.
    init(
        _ section: PageSection,
        _ kind: MetricFamily.Kind,
        _ name: String,
        _ help: String,
        _ rhythm: Rhythm,
        value: @escaping @Sendable (PageInput) -> MetricValue?
    ) {
        self.init(section, kind, name, help, rhythm) { input, writer in
            if let value = value(input) { writer.sample(value) }
        }
    }

    /// The same family, for the page of an exporter that serves.
    func onlyServed() -> Entry {
        var entry = self
        entry.isOnlyServed = true
        return entry
    }

    /// Writes the family.
    func render(_ input: PageInput, to writer: inout TextWriter) {
        writer.begin(family)
        write(input, &writer)
    }
}
