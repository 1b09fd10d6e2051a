import Advice
import Foundation
import Presentation
import Scenes
import Situations
import Testing

/// The texts that are compared with files: Tests/Fixtures/diagnoses. UPDATE_GOLDEN=1 writes them
/// anew, to be looked at.
enum Golden {
    static let folder = Scene.repository.appending(path: "Tests/Fixtures/diagnoses")

    static func text(_ diagnosis: Diagnosis, width: Int = 80) -> String {
        var options = TextReport.Options()
        options.width = width
        return TextReport.text(diagnosis, options)
    }

    static func expect(_ text: String, isIn file: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let url = folder.appending(path: file)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
            let parent = url.deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        let expected = try String(contentsOf: url, encoding: .utf8)
        #expect(text == expected, "differs from \(file)", sourceLocation: sourceLocation)
    }
}

@Suite("The worked examples")
struct GoldenTests {
    @Test(
        "The text and the JSON of each example equal the recorded files",
        arguments: World.examples.map(\.name)
    )
    func files(name: String) throws {
        var world = try #require(World.examples.first { $0.name == name }?.world)
        let diagnosis = world.diagnosis()
        try Golden.expect(Golden.text(diagnosis), isIn: "\(name).txt")
        try Golden.expect(String(decoding: diagnosis.json, as: UTF8.self), isIn: "\(name).json")
    }
}

@Suite("The findings of every check")
struct GoldenCheckTests {
    @Test("The text and the JSON of each check equal the recorded files", arguments: Check.allCases)
    func files(check: Check) throws {
        let diagnosis = World.diagnosis(with: check)
        try Golden.expect(Golden.text(diagnosis), isIn: "checks/\(check.rawValue).txt")
        try Golden.expect(String(decoding: diagnosis.json, as: UTF8.self), isIn: "checks/\(check.rawValue).json")
    }
}
