/// Writes a page in one of the text formats: sections of families of samples.
///
/// A family that gets no sample leaves no trace: absent is better than wrong.
package struct TextWriter: ~Copyable {
    private let format: TextFormat
    private var bytes: [UInt8] = []
    private var sections: [Page.Section] = []
    private var section: (name: String, start: Int)?
    /// The family of the next sample.
    private var family: MetricFamily?
    private var hasHeader = false

    /// An empty page.
    ///
    /// - Parameters:
    ///   - format: how it is written.
    ///   - capacity: bytes to make room for; the size of the page before is a good guess.
    package init(_ format: TextFormat, capacity: Int = 0) {
        self.format = format
        bytes.reserveCapacity(capacity)
    }

    /// Starts a section.
    package mutating func begin(section name: String) {
        endSection()
        section = (name, bytes.count)
    }

    /// Starts a family. Its samples follow.
    package mutating func begin(_ family: MetricFamily) {
        self.family = family
        hasHeader = false
    }

    /// Writes a sample of the family that was begun last.
    ///
    /// - Parameter labels: any text for each label of the family, in their order.
    package mutating func sample(_ value: some SampleValue, _ labels: String...) {
        guard let family else { preconditionFailure("a sample without a family") }
        precondition(labels.count == family.labels.count, "\(family.name) has the labels \(family.labels)")
        if !hasHeader { appendHeader(of: family) }
        append(family.name)
        if !labels.isEmpty {
            var separator = "{"
            for (label, text) in zip(family.labels, labels) {
                append(separator)
                append(label)
                append("=\"")
                append(text, escaping: .labelValue)
                append("\"")
                separator = ","
            }
            append("}")
        }
        append(" ")
        append(value.metricValue)
        append("\n")
    }

    private mutating func appendHeader(of family: MetricFamily) {
        hasHeader = true
        let name = format.name(of: family)
        append("# HELP \(name) ")
        append(family.help, escaping: .help)
        append("\n# TYPE \(name) \(family.kind.rawValue)\n")
    }

    package consuming func page() -> Page {
        endSection()
        if let end = format.end {
            sections.append(Page.Section(name: nil, range: bytes.count..<bytes.count + end.utf8.count))
            append(end)
        }
        return Page(format: format, bytes: bytes, sections: sections)
    }

    private mutating func endSection() {
        if let section { sections.append(Page.Section(name: section.name, range: section.start..<bytes.count)) }
        section = nil
        family = nil
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    /// Which characters a place in the format cannot hold as they are.
    private enum Escaping {
        case help
        case labelValue
    }

    private mutating func append(_ text: String, escaping: Escaping) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\"") where escaping == .labelValue || format == .openMetrics: append("\\\"")
            default: bytes.append(byte)
            }
        }
    }

    /// A number as Go's ParseFloat reads it: whole numbers without a point, others in the fewest
    /// digits that give the same number again.
    private mutating func append(_ value: MetricValue) {
        switch value {
        case .count(let number):
            append(String(number))
        case .real(let number):
            if let whole = Int(exactly: number), whole.magnitude < 1 << 53 {
                append(String(whole))
            } else if number.isFinite {
                append(number.description)
            } else {
                append(number.isNaN ? "NaN" : number > 0 ? "+Inf" : "-Inf")
            }
        }
    }
}
