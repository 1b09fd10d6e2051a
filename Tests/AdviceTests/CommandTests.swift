import Advice
import Foundation
import Model
import Situations
import Testing

@Suite("The commands of findings")
struct CommandTests {
    private func commands(_ diagnosis: Diagnosis) -> [[String]] {
        diagnosis.findings.flatMap { [$0.now?.commands ?? [], $0.prevent?.commands ?? []] }.filter { !$0.isEmpty }
    }

    @Test(
        "The commands of each check parse in a shell and are printable ASCII",
        arguments: Check.allCases
    )
    func syntax(check: Check) throws {
        let diagnosis = World.diagnosis(with: check)
        try #require(diagnosis[check].first != nil)
        for command in commands(diagnosis) {
            let script = command.joined(separator: "\n")
            #expect(try Shell.run(script, onlyChecks: true) != nil, "\(script)")
            for line in command { #expect(line.unicodeScalars.allSatisfy { (0x20..<0x7f).contains($0.value) }) }
        }
    }

    @Test(
        "Commands quote or leave out hostile names of units and processes",
        arguments: WordingTests.hostile
    )
    func hostile(name: String) throws {
        let unit = "\(name).service"
        let program = Program(name, pid: 4711, unit: unit, container: name)
        var worlds = [World(services: [50_051])]
        worlds[0].connect(from: (.own, 50_051), to: (.remote, 443), by: program)
        worlds[0].connect(from: (.loopback, 50_054), to: (.loopback, 50_054), by: program)
        worlds.append(World())
        worlds[1].listen(8080, by: program)
        for number: UInt16 in 0..<150 {
            worlds[1].connect(.closeWait, from: (.own, 8080), to: (.remote, 30_000 + number))
        }
        worlds.append(World())
        var ports = ConnectPorts()
        for _ in 0..<15_000 { worlds[2].connect(from: (.own, ports.next()), to: (.remote, 5432), by: program) }
        for var world in worlds {
            let diagnosis = world.diagnosis()
            #expect(!diagnosis.findings.isEmpty)
            for command in commands(diagnosis) {
                let script = command.joined(separator: "\n")
                #expect(try Shell.run(script, onlyChecks: true) != nil, "\(script)")
                guard command.first?.hasPrefix("sudo systemctl") == true else { continue }
                // What the shell makes of it: in place of sudo a function that says what it was
                // given.
                let words = try Shell.run("sudo() { printf '%s\\0' \"$@\"; }; \(script)")
                let given = words?.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
                #expect(given?.count == 4 && given?[2] == unit, "\(script)")
            }
            for finding in diagnosis.findings {
                for text in [finding.title, finding.why, finding.not] + finding.seen {
                    #expect(text.unicodeScalars.allSatisfy { (0x20..<0x7f).contains($0.value) }, "\(text)")
                }
            }
        }
    }

    @Test("Commands leave out a unit name that starts with a dash")
    func options() {
        var world = World(services: [50_051])
        let program = Program("x", pid: 4711, unit: "--force.service")
        world.connect(from: (.own, 50_051), to: (.remote, 443), by: program)
        #expect(world.diagnosis()[.servicePortTaken].first?.now?.commands == ["sudo kill 4711"])
    }
}
