package import Exposition
import Model

/// A metric family: its header, where its values come from, and what docs/metrics.md says of it.
package struct Family: Sendable {
    /// Writes the samples. A family without samples is absent from the page.
    typealias Render = @Sendable (PageInput, inout TextWriter) -> Void

    package let header: MetricFamily
    /// HELP without the source.
    package let meaning: String
    package let source: Source
    /// What a reader of docs/metrics.md has to know beyond the meaning.
    package private(set) var note: String?
    /// An example of PromQL.
    package private(set) var query: String?
    /// Whether a page of a single reading lacks it: it counts since the start of the process, or is
    /// about a server.
    private(set) var isOnlyServed = false
    private let write: Render

    fileprivate init(_ heading: Heading, _ source: Source, _ write: @escaping Render) {
        header = MetricFamily(
            heading.name,
            heading.kind,
            labels: heading.labels,
            "\(heading.meaning) Sampled on a timer, \(source.text)."
        )
        meaning = heading.meaning
        self.source = source
        self.write = write
    }

    func render(_ input: PageInput, to writer: inout TextWriter) {
        writer.begin(header)
        write(input, &writer)
    }
}

// Inlined into each of a hundred families they would make the program 20 KB larger.
extension Family {
    @inline(never)
    static func gauge(_ name: String, labels: [String] = [], _ meaning: String) -> Heading {
        Heading(name: name, kind: .gauge, labels: labels, meaning: meaning)
    }

    @inline(never)
    static func counter(_ name: String, labels: [String] = [], _ meaning: String) -> Heading {
        Heading(name: name, kind: .counter, labels: labels, meaning: meaning)
    }

    /// A family that still lacks its source and its values.
    struct Heading {
        fileprivate let name: String
        fileprivate let kind: MetricFamily.Kind
        fileprivate let labels: [String]
        fileprivate let meaning: String

        /// Any number of samples.
        @inline(never)
        func from(_ source: Source, write: @escaping Render) -> Family {
            Family(self, source, write)
        }

        /// One sample, absent where the value is nil.
        @inline(never)
        func from(
            _ source: Source,
            value: @escaping @Sendable (PageInput) -> (any SampleValue)?
        ) -> Family {
            Family(self, source) { input, writer in
                if let value = value(input) { writer.sample(value) }
            }
        }

        /// Any number of samples of the report on the socket table.
        @inline(never)
        func fromReport(_ source: Source, write: @escaping @Sendable (PortReport, inout TextWriter) -> Void) -> Family {
            Family(self, source) { input, writer in
                if let report = input.sample.ports { write(report, &writer) }
            }
        }

        /// One number of the report on the socket table, absent where it is nil.
        @inline(never)
        func fromReport(
            _ source: Source,
            value: @escaping @Sendable (PortReport) -> (any SampleValue)?
        ) -> Family {
            from(source) { $0.sample.ports.flatMap(value) }
        }
    }

    @inline(never)
    func note(_ text: String) -> Family {
        var family = self
        family.note = text
        return family
    }

    @inline(never)
    func query(_ promQL: String) -> Family {
        var family = self
        family.query = promQL
        return family
    }

    @inline(never)
    func onlyServed() -> Family {
        var family = self
        family.isOnlyServed = true
        return family
    }
}
