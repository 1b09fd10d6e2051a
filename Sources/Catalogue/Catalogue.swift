package import Exposition

/// Every metric family that the exporter has.
package enum Catalogue {
    /// The families, in the order of their tables in the README. A file of this module holds each table.
    package static let entries =
        sockets + listeningPorts + ephemeralRange + destinations + servicePorts + sysctls + sampler + exporter

    /// The families of each section.
    private static let sections = PageSection.allCases.map { section in
        (section, entries.filter { $0.section == section })
    }

    /// Renders the page.
    ///
    /// - Parameters:
    ///   - isServed: whether an exporter serves it, which reads on; else it is the page of one reading.
    ///   - capacity: the size of the page before.
    package static func page(
        _ input: PageInput,
        _ format: TextFormat = .prometheus,
        isServed: Bool = true,
        capacity: Int = 0
    ) -> Page {
        var writer = TextWriter(format, capacity: capacity)
        for (section, entries) in sections {
            writer.begin(section: section.rawValue)
            for entry in entries where isServed || !entry.isOnlyServed { entry.render(input, to: &writer) }
        }
        return writer.page()
    }
}
