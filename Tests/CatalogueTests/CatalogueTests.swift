import Catalogue
import Exposition
import Foundation
import KernelReaders
import Model
import Sampler
import Scenes
import Testing

@Suite("The metrics page")
struct CatalogueTests {
    private let facts = ExporterFacts(
        version: "1.2.3",
        revision: "abc",
        swiftVersion: "6.3",
        microhttpdVersion: "0.9.75",
        requests: [200: 7, 404: 0]
    )

    private func page(of scene: Scene) -> Page {
        let start = Instant(nanoseconds: 0)
        var sampler = Sampler(ProcFilesystem(mount: scene.path), SamplerSettings(), from: start) { _ in }
        return Catalogue.page(PageInput(sample: sampler.tick(at: start), exporter: facts))
    }

    private func lines(_ page: Page) -> [String] {
        String(decoding: page.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("The page of a captured host equals the recorded page line by line")
    func golden() throws {
        let expected = String(decoding: try Scene("pages").bytes("mixed.txt"), as: UTF8.self)
        let volatile = ["process_", "timewait_sampler_last", "timewait_sampler_duration", "timewait_sampler_cpu"]
        let stable = lines(page(of: Scene("mixed"))).filter { line in
            !line.hasPrefix("#") && !volatile.contains { line.hasPrefix($0) }
        }
        #expect(stable == expected.split(separator: "\n").map(String.init))
    }

    @Test("The page has the sections of its collectors in order and without gaps")
    func sections() {
        let page = page(of: Scene("mixed"))
        let names = [
            "socket_table", "ephemeral_range", "udp", "sysctl", "sockstat", "netstat", "who", "sampler", "exporter",
            "process",
        ]
        #expect(page.sections.map(\.name) == names)
        #expect(page.sections.first?.range.lowerBound == 0 && page.sections.last?.range.upperBound == page.bytes.count)
        for (section, next) in zip(page.sections, page.sections.dropFirst()) {
            #expect(section.range.upperBound == next.range.lowerBound)
        }
    }

    @Test("The help of each family says what it means and when it is sampled")
    func help() {
        for header in Catalogue.families.map(\.header) {
            #expect(header.help.contains("Sampled on a timer"), "\(header.name)")
            #expect((header.kind == .counter) == header.name.hasSuffix("_total"), "\(header.name)")
        }
        let names = Catalogue.families.map(\.header.name)
        #expect(Set(names).count == names.count)
    }

    @Test("The help of each family names its source: a procfs file, sock_diag, a tracepoint or getrlimit")
    func sources() {
        for family in Catalogue.families where family.header.name != "timewait_sampler_source_info" {
            let help = family.header.help
            switch family.source.section {
            case .collector(.socketTable): #expect(help.contains("from sock_diag"), "\(help)")
            case .collector(.who): #expect(help.contains("from the tracepoint"), "\(help)")
            case .collector(.process): #expect(help.contains(/from (\/proc\/self|getrlimit)/), "\(help)")
            case .collector: #expect(help.contains("from /proc/"), "\(help)")
            case .sampler, .exporter: break
            }
            let isEither = help.contains(/from sock_diag( \(.*\))? or \/proc\/net\/tcp and tcp6/)
            #expect(help.contains("/proc/net/tcp") == isEither, "\(help)")
        }
    }

    @Test("The page of a kernel without IPv6 has zeros for IPv6 and no failure")
    func noIPv6() {
        let lines = lines(page(of: Scene("no_ipv6")))
        #expect(lines.contains("timewait_table_sockets{family=\"ipv6\",state=\"time_wait\"} 0"))
        #expect(lines.contains("timewait_sampler_success{collector=\"socket_table\"} 1"))
        #expect(lines.contains("timewait_sockets{role=\"server\",peer=\"remote\"} 25"))
    }

    @Test(
        "The page lacks exactly the families of a collector that failed",
        arguments: [
            ("thread-self/net/tcp", ["socket_table"]), ("thread-self/net/udp", ["udp"]),
            ("thread-self/net/sockstat", ["sockstat"]),
            ("thread-self/net/netstat", ["netstat"]), ("sys/net/ipv4/ip_local_port_range", ["ephemeral_range"]),
            ("sys/net/ipv4/ip_local_reserved_ports", ["ephemeral_range"]),
        ]
    )
    func absence(file: String, sections: [String]) throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let before = families(page(of: scene))
        try scene.remove(file)
        let after = families(page(of: scene))
        var gone = Catalogue.families.filter { sections.contains($0.source.section.name) }.map(\.header.name)
        let isReserved = file.hasSuffix("reserved_ports")
        // Without the gauge it is unknown what the counters count.
        if sections == ["sockstat"] { gone.append("timewait_entries_total") }
        // These need the range too.
        if sections == ["ephemeral_range"] {
            gone +=
                [
                    "timewait_sockets", "timewait_observed_total", "timewait_port_entries_total",
                    "timewait_listening_ports", "timewait_port_exposed",
                    "timewait_ephemeral_ports_usable", "timewait_ephemeral_exhaustion_seconds",
                    "timewait_ephemeral_ports_used", "timewait_ephemeral_parity_ports",
                    "timewait_ephemeral_parity_ports_used", "timewait_reserved_ports_idle",
                    "timewait_udp_ephemeral_ports_used", "timewait_port_collision_ratio",
                ] + Catalogue.families.map(\.header.name).filter { $0.contains("_destination") }
            // Each of the two files alone gives some.
            let ofReserved = ["timewait_reserved_ports"]
            let ofRange = [
                "timewait_ephemeral_range_low", "timewait_ephemeral_range_high", "timewait_ephemeral_ports",
                "timewait_udp_ephemeral_ports_used", "timewait_sockets", "timewait_observed_total",
                "timewait_port_entries_total",
            ]
            gone.removeAll { (isReserved ? ofRange : ofReserved).contains($0) }
        }
        #expect(before.subtracting(after) == before.intersection(gone))
        #expect(after.isSubset(of: before))
    }

    private func families(_ page: Page) -> Set<String> {
        Set(lines(page).filter { $0.hasPrefix("# TYPE ") }.map { String($0.split(separator: " ")[2]) })
    }
}
