import Catalogue
import Exposition
import Foundation
import Model
import Scenes
import Testing
import metrics_document

@Suite("The documents about metrics")
struct DocumentTests {
    private func text(_ path: String) throws -> String {
        try String(contentsOf: Scene.repository.appending(path: path), encoding: .utf8)
    }

    @Test("docs/metrics.md equals the output of make docs")
    func generated() throws {
        let text = try text("docs/metrics.md")
        let generated = try MetricsDocument.updating(text)
        let lines = zip(text.split(separator: "\n"), generated.split(separator: "\n")).first { $0 != $1 }
        #expect(
            text == generated,
            """
            docs/metrics.md differs from Sources/Catalogue: run "make docs" and commit the file.
            It has:    \(lines?.0 ?? "another length")
            It should: \(lines?.1 ?? "another length")
            """
        )
    }

    @Test("docs/metrics.md lists exactly the families of the page with their types and labels")
    func everyFamily() throws {
        let entries = try text("docs/metrics.md").split(separator: "\n### `").dropFirst().map { entry in
            ["- Type: ", "- Labels: "].reduce(into: [String(entry.prefix { $0 != "`" })]) { facts, property in
                let line = entry.split(separator: "\n").first { $0.hasPrefix(property) }
                facts.append((line?.dropFirst(property.count) ?? "").filter { !"` ".contains($0) })
            }
        }
        let page = EveryFamilyTests.page(.entries) + EveryFamilyTests.page(.expiries)
        let expected = Catalogue.families.map(\.header).map { header in
            [header.name, type(of: header.name, page), labels(of: header.name, page)]
        }
        #expect(entries == expected)
    }

    private func type(of family: String, _ page: [String]) -> String {
        let line = page.first { $0.hasPrefix("# TYPE \(family) ") }
        return (line?.split(separator: " ").last).map(String.init) ?? "absent"
    }

    private func labels(of family: String, _ page: [String]) -> String {
        let line = page.first { $0.hasPrefix(family + "{") }
        let pairs = line?.drop { $0 != "{" }.dropFirst().prefix { $0 != "}" }.split(separator: ",") ?? []
        return pairs.map { $0.prefix { $0 != "=" } }.joined(separator: ",")
    }

    @Test("docs/metrics.md has lines of at most 100 columns except for samples")
    func columns() throws {
        let lines = try text("docs/metrics.md").split(separator: "\n")
        #expect(lines.filter { $0.count > 100 && !$0.hasPrefix("timewait_") } == [])
    }

    @Test("make docs names a generated part that is missing")
    func missingPart() throws {
        let text = try text("docs/metrics.md").replacing("Sources/Catalogue: Sysctls. -->", with: "-->")
        let error = #expect(throws: MetricsDocument.Malformed.self) { try MetricsDocument.updating(text) }
        #expect(error?.description.contains("Sysctls") == true)
    }

    @Test("The README lists ten existing families and links to docs/metrics.md")
    func readme() throws {
        let readme = try text("README.md")
        let section = readme.split(separator: "\n## ").first { $0.hasPrefix("Metrics\n") } ?? ""
        let listed = section.matches(of: /(?m)^- `(timewait_\w+)`/).map { String($0.1) }
        #expect(listed.count == 10)
        #expect(Set(listed).isSubset(of: Catalogue.families.map(\.header.name)))
        #expect(section.contains("](docs/metrics.md)"))
    }
}
