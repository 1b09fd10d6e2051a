package import Exposition

/// Every metric family of the exporter, each written in one place.
///
/// A family looks like this; `query` and `note` are for docs/metrics.md, which `make docs`
/// generates:
///
///     .gauge("timewait_buckets", "TIME_WAIT and orphaned FIN_WAIT2 sockets.")
///         .from(.sockstat("tw of TCP")) { $0.sample.statistics?.timeWaitBuckets }
///         .query("timewait_buckets / timewait_buckets_limit")
package enum Catalogue {
    /// The families under the headings of docs/metrics.md.
    package static let groups: [(title: String, families: [Family])] = [
        ("Sockets", sockets),
        ("Listening ports", listeningPorts),
        ("Ephemeral port range", ephemeralRange),
        ("Destinations", destinations),
        ("Service ports", servicePorts),
        ("Who closes first", closers),
        ("Sysctls", sysctls),
        ("Sampler", sampler),
        ("Exporter", exporter),
    ]

    /// All families, in the order of the groups.
    package static let families = groups.flatMap(\.families)

    /// The families of each section, in the order of the page; collectors without families have no
    /// section.
    private static let sections = PageSection.inOrder
        .map { section in (name: section.name, families: families.filter { $0.source.section == section }) }
        .filter { !$0.families.isEmpty }

    /// Renders the page.
    ///
    /// - Parameters:
    ///   - isServed: whether this is the page of a running exporter, and not that of a single
    ///     reading.
    ///   - capacity: the size of the page before.
    package static func page(
        _ input: PageInput,
        _ format: TextFormat = .prometheus,
        isServed: Bool = true,
        capacity: Int = 0
    ) -> Page {
        var writer = TextWriter(format, capacity: capacity)
        for section in sections {
            writer.begin(section: section.name)
            for family in section.families where isServed || !family.isOnlyServed { family.render(input, to: &writer) }
        }
        return writer.page()
    }
}
