import Foundation
import Testing
import WebConfiguration

/// A web configuration, what exporter-toolkit does with it, and what we do.
struct ToolkitCase: Sendable, CustomTestStringConvertible {
    /// What exporter-toolkit's own tests expect of a file of its web/testdata; `untested` where no
    /// test reads the file.
    enum Toolkit: Sendable { case starts, refuses, untested }

    enum Ours: Sendable, Equatable {
        /// It is decoded, with TLS or without.
        case accepted(tls: Bool)
        /// The decoder refuses it, with a message that contains this.
        case refused(String)
        /// It is decoded; the Endpoint refuses it, because a file that it names does not exist.
        case refusedWithFiles(missing: String)
    }

    let name: String
    let text: String
    let toolkit: Toolkit
    let ours: Ours
    /// How the item in the list of differences begins, where we differ.
    var row: String?

    init(_ name: String, _ text: String, _ toolkit: Toolkit, _ ours: Ours, row: String? = nil) {
        (self.name, self.text, self.toolkit, self.ours, self.row) = (name, text, toolkit, ours, row)
    }

    var testDescription: String { name }

    /// Whether both start, or both refuse.
    var agrees: Bool {
        switch (toolkit, ours) {
        case (.untested, _), (.starts, .accepted), (.refuses, .refused), (.refuses, .refusedWithFiles): true
        default: false
        }
    }
}

@Suite("A configuration of exporter-toolkit")
struct ExporterToolkitTests {
    @Test(
        "The outcome matches exporter-toolkit's own tests or a documented difference",
        arguments: ToolkitCase.files + ToolkitCase.differences
    )
    func outcome(of configuration: ToolkitCase) throws {
        switch configuration.ours {
        case .accepted(let hasTLS):
            #expect(try (read(configuration.text).tls != nil) == hasTLS)
        case .refused(let part):
            #expect(refusal(of: configuration.text)?.contains(part) == true)
        case .refusedWithFiles(let missing):
            let tls = try #require(try read(configuration.text).tls)
            #expect([tls.certificate.source, tls.key.source].contains(.file(missing)))
        }
        #expect(configuration.agrees == (configuration.row == nil))
        guard let row = configuration.row else { return }
        let parts = try Self.differences().first { $0.first?.hasPrefix(row) == true }
        #expect(
            parts?.count == 3 && parts?.allSatisfy { !$0.isEmpty } == true,
            "docs have no difference that begins with \(row)"
        )
    }

    @Test("The cases cover all 41 YAML files of web/testdata")
    func count() {
        #expect(Set(ToolkitCase.files.map(\.name)).count == 41)
    }

    @Test("A rate limit has the same effect as in exporter-toolkit")
    func rateLimits() throws {
        #expect(try read("rate_limit: {interval: 0, burst: 0}").rateLimit == nil)
        #expect(
            try read("rate_limit: {interval: '1s', burst: 0}").rateLimit == .init(interval: .seconds(1), burst: 0)
        )
    }

    /// The list of differences: for each the configuration, exporter-toolkit, and here and why.
    private static func differences() throws -> [[String]] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let page = try String(contentsOf: root.appending(path: "docs/web-configuration.md"), encoding: .utf8)
        let section = try #require(page.split(separator: "### Differences from exporter-toolkit").dropFirst().first)
        let list = section.prefix(upTo: section.firstRange(of: "\n#")?.lowerBound ?? section.endIndex)
        return list.split(separator: "\n- ").dropFirst().map { item in
            item.split(separator: /\n  - (?:exporter-toolkit|here):/).map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }
}
