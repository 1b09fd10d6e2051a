import Advice
import Foundation
import Presentation
import Situations
import Testing

@Suite("The diagnosis as text")
struct TextTests {
    private static let names = World.examples.map(\.name)
    /// The examples and a diagnosis for each check: all that can be shown.
    private static let all: [(name: String, diagnosis: Diagnosis)] =
        World.examples.map { example in
            var world = example.world
            return (example.name, world.diagnosis())
        } + Check.allCases.map { ($0.rawValue, World.diagnosis(with: $0)) }

    private func text(_ diagnosis: Diagnosis, _ change: (inout TextReport.Options) -> Void = { _ in }) -> String {
        var options = TextReport.Options()
        change(&options)
        return TextReport.text(diagnosis, options)
    }

    private func lines(_ text: String) -> [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    private func commands(_ diagnosis: Diagnosis) -> Set<String> {
        Set(diagnosis.findings.flatMap { ($0.now?.commands ?? []) + ($0.prevent?.commands ?? []) })
    }

    @Test(
        "The text wraps at the width of the terminal or 100 columns except commands and addresses"
    )
    func widths() {
        for (name, diagnosis) in Self.all {
            let commands = commands(diagnosis).union(["sudo timewait_exporter diagnose"])
            for (width, most) in [(40, 40), (80, 80), (100, 100), (300, 100)] {
                let text = text(diagnosis) { $0.width = width }
                for line in lines(text) where line.count > most {
                    let content = line.trimmingCharacters(in: .whitespaces)
                    let isFree =
                        commands.contains { content.hasSuffix($0.trimmingCharacters(in: .whitespaces)) }
                        || content.hasPrefix("https://") || width == 40 && content.hasPrefix("Runbook")
                    #expect(isFree, "\(name) at \(width): \(line)")
                }
            }
        }
    }

    @Test("The text never wraps a command")
    func wholeCommands() {
        for (name, diagnosis) in Self.all {
            for width in [40, 80, 300] {
                let shown = Set(lines(text(diagnosis) { $0.width = width }).map { $0.dropFirst(10) })
                for command in commands(diagnosis) { #expect(shown.contains(command[...]), "\(name): \(command)") }
            }
        }
    }

    @Test(
        "Titles and commands have at most 70 characters, and a reason has at most three sentences"
    )
    func brevity() {
        for (name, diagnosis) in Self.all {
            for finding in diagnosis.findings {
                #expect(finding.title.count <= 70, "\(name): \(finding.title)")
                #expect(!finding.title.hasSuffix("."))
                let sentences = finding.why.matches(of: #/[.](?: |$)/#).count
                #expect(sentences <= 3, "\(name): \(finding.why)")
                #expect(finding.not.isEmpty || finding.not.hasPrefix("Do not "), "\(name): \(finding.not)")
            }
            for command in commands(diagnosis) { #expect(command.count <= 70, "\(name): \(command)") }
        }
    }

    @Test("The text has only printable ASCII and no trailing spaces")
    func ascii() {
        for (name, diagnosis) in Self.all {
            let text = text(diagnosis)
            #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7f).contains($0.value) }, "\(name)")
            #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"))
            for line in lines(text) { #expect(!line.hasSuffix(" "), "\(name): '\(line)'") }
        }
    }

    @Test("The text aligns labels, numbers, paragraphs and ids in their columns")
    func columns() {
        for (name, diagnosis) in Self.all {
            let lines = lines(text(diagnosis))
            for line in lines[2..<5] where line.first != " " && !line.isEmpty {
                let number = line.prefix(23)
                #expect(number.last != " " && line.dropFirst(23).hasPrefix("  "), "\(name): \(line)")
            }
            for line in lines where line.hasPrefix("  Runbook ") { #expect(line.count == 80, "\(name): \(line)") }
            for label in ["Seen", "Why", "Now", "Prevent", "Not", "Runbook"] {
                for line in lines where line.hasPrefix("  \(label) ") {
                    #expect(line.dropFirst(2 + label.count).prefix(8 - label.count).allSatisfy { $0 == " " })
                    #expect(line.dropFirst(10).first != " ")
                }
            }
        }
    }

    @Test("The text keeps a number and its unit on one line")
    func units() {
        for (name, diagnosis) in Self.all {
            for width in [60, 71, 80, 93, 100] {
                for line in lines(text(diagnosis) { $0.width = width }) {
                    let first = line.split(separator: " ").first ?? ""
                    let word = first.last.map { ".,;:".contains($0) } == true ? first.dropLast() : first
                    #expect(!["s", "ms", "%", "min", "h"].contains(word), "\(name) at \(width): \(line)")
                }
            }
        }
    }

    @Test("The text has colours only on request and is otherwise the same", arguments: names)
    func colour(name: String) throws {
        let diagnosis = try #require(Self.all.first { $0.name == name }?.diagnosis)
        let coloured = text(diagnosis) { $0.hasColour = true }
        #expect(coloured.contains("\u{1b}["))
        #expect(coloured.replacing(#/\u{1b}\[[0-9;]*m/#, with: "") == text(diagnosis))
        for finding in diagnosis.findings {
            let style = ["note": "36", "warning": "33", "critical": "1;31"][finding.severity.name] ?? ""
            #expect(coloured.contains("\u{1b}[\(style)m\(finding.severity.name.uppercased())\u{1b}[0m"))
        }
    }

    @Test("The text has OSC 8 links only on request and is otherwise the same", arguments: names)
    func links(name: String) throws {
        let diagnosis = try #require(Self.all.first { $0.name == name }?.diagnosis)
        let linked = text(diagnosis) { $0.hasLinks = true }
        let link = #/\u{1b}\]8;;(?<address>[^\u{1b}]*)\u{1b}\\/#
        #expect(linked.replacing(link, with: "") == text(diagnosis))
        let addresses = linked.matches(of: link).map(\.output.address)
        #expect(addresses.count.isMultiple(of: 2))
        for (index, address) in addresses.enumerated() {
            #expect(index.isMultiple(of: 2) ? address.hasPrefix(TextReport.runbooks.prefix(50)) : address.isEmpty)
        }
        #expect(addresses.count == (diagnosis.findings.isEmpty ? 0 : 4 * diagnosis.findings.count + 2))
    }

    @Test("The text lists the passed checks beside a large number only if verbose")
    func verbose() {
        var world = World.proxy()
        let diagnosis = world.diagnosis()
        #expect(
            text(diagnosis).contains("OK        20 checks found nothing.\n          28,012 TIME_WAITs are normal here")
        )
        let verbose = text(diagnosis) { $0.isVerbose = true }
        #expect(verbose.contains("OK        20 checks found nothing: service ports taken,"))
        #expect(verbose.contains("28,012 TIME_WAITs are normal here"))
    }

    @Test("The text breaks a word that is longer than a line and keeps all characters")
    func longWords() {
        var diagnosis = World.diagnosis(with: .listenerExposed)
        diagnosis.findings[0].seen = [String(repeating: "0123456789", count: 30)]
        let text = text(diagnosis)
        #expect(lines(text).allSatisfy { $0.count <= 80 })
        #expect(text.count { $0 == "9" } >= 30)
    }
}
