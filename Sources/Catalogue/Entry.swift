package import Aggregator
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
        value: @escaping @Sendable (PageInput) -> Double?
    ) {
        self.init(section, kind, name, help, rhythm) { input, writer in
            if let value = value(input) { writer.sample(value) }
        }
    }

    /// Writes the family.
    func render(_ input: PageInput, to writer: inout TextWriter) {
        writer.begin(family)
        write(input, &writer)
    }
}

/// The sections of the page, in its order.
package enum PageSection: String, CaseIterable, Sendable {
    case socketTable = "socket_table"
    case ephemeralRange = "ephemeral_range"
    case sysctl
    case sockstat
    case netstat
    case sampler
    case exporter
    case process
}

/// All that a page is rendered from.
package struct PageInput: Sendable {
    /// What the kernel said.
    package var sample: Sample
    /// What the exporter says of itself.
    package var exporter: ExporterFacts

    /// The input of one page.
    package init(sample: Sample, exporter: ExporterFacts) {
        self.sample = sample
        self.exporter = exporter
    }
}

/// What the command knows of itself and of its endpoint.
package struct ExporterFacts: Sendable {
    /// The exporter's version.
    package var version: String
    /// The commit it was built from; empty where that is unknown.
    package var revision: String
    /// The version of Swift it was compiled with.
    package var swiftVersion: String
    /// The version of libmicrohttpd it runs with.
    package var microhttpdVersion: String
    /// HTTP answers since the start by status code.
    package var requests: [Int: UInt64]

    /// The facts of one moment.
    package init(
        version: String,
        revision: String,
        swiftVersion: String,
        microhttpdVersion: String,
        requests: [Int: UInt64] = [:]
    ) {
        self.version = version
        self.revision = revision
        self.swiftVersion = swiftVersion
        self.microhttpdVersion = microhttpdVersion
        self.requests = requests
    }
}
