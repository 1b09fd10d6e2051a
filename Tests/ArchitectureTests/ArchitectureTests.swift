import Foundation
import Scenes
import Testing

@Suite("The modules of Sources")
struct ArchitectureTests {
    private static let repository = Scene.repository

    /// What each module may import, by the table of docs/architecture.md; nil for all.
    private static func table() throws -> [String: Set<String>?] {
        let page = try String(contentsOf: repository.appending(path: "docs/architecture.md"), encoding: .utf8)
        var modules: [String: Set<String>?] = [:]
        for row in page.split(separator: "\n") where row.hasPrefix("| `") {
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3 else { continue }
            let imports = cells[2].split(separator: ",").map { $0.filter { !"` ".contains($0) } }
            modules[cells[0].filter { $0 != "`" }] = imports == ["all"] ? .some(nil) : Set(imports)
        }
        return modules
    }

    /// The Swift files of Sources by their modules.
    private static func files() throws -> [(module: String, path: String, text: String)] {
        let sources = repository.appending(path: "Sources").path(percentEncoded: false)
        let paths = try FileManager.default.subpathsOfDirectory(atPath: sources).filter { $0.hasSuffix(".swift") }
        return try paths.map { path in
            (String(path.prefix { $0 != "/" }), path, try String(contentsOfFile: "\(sources)/\(path)", encoding: .utf8))
        }
    }

    @Test("import no other module than docs/architecture.md says")
    func imports() throws {
        let table = try Self.table()
        let files = try Self.files()
        #expect(files.count > 50)
        for (module, path, text) in files {
            let allowed = try #require(table[module], "docs/architecture.md has no module \(module)")
            let imports = text.matches(of: /(?m)^\s*(?:(?:package|public|internal|private) )?import (\w+)/).map {
                String($0.1)
            }
            let modules = imports.filter { table[$0] != nil }
            guard let allowed else { continue }
            #expect(allowed.isSuperset(of: modules), "\(path) imports \(modules)")
        }
    }

    @Test("do without Foundation, Dispatch and tasks")
    func noFoundation() throws {
        for (_, path, text) in try Self.files() {
            #expect(text.firstMatch(of: /(?m)^\s*(?:\w+ )?import (Foundation\w*|Dispatch)/) == nil, "\(path)")
        }
    }

    @Test("do not hand an initializer of Double or Float to map: of a UInt64 it is the one that takes bits")
    func noBitPatterns() throws {
        for (_, path, text) in try Self.files() {
            #expect(text.firstMatch(of: /\bmap\((Double|Float)\.init\)/) == nil, "\(path)")
        }
    }

    @Test("mark as unsafe only what stands at the border to the kernel, to C and to its libraries")
    func unsafeAtTheBorder() throws {
        let border = ["Endpoint", "ProcessArguments", "RemoteExporter", "timewait_exporter"]
        let files = [
            "KernelReaders/FileDescriptor.swift", "KernelReaders/Clock.swift",
            "KernelReaders/ProcessFacts+Reading.swift",
            "KernelReaders/InterfaceName.swift", "KernelReaders/Loads.swift", "KernelReaders/NetlinkSocket.swift",
            "KernelReaders/Folder.swift", "KernelReaders/ProcessHandle.swift",
            "KernelReaders/UserNames.swift",
            "WebConfiguration/YAML.swift",
        ]
        for (module, path, text) in try Self.files() where !border.contains(module) && !files.contains(path) {
            #expect(text.firstMatch(of: /\bunsafe\b/) == nil, "\(path)")
        }
    }
}
