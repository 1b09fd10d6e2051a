import Advice
import Foundation
import Scenes
import Situations
import Testing

@Suite("The agreement of checks, alerts and runbooks")
struct AlertTests {
    private static func file(_ path: String) throws -> String {
        try String(contentsOf: Scene.repository.appending(path: path), encoding: .utf8)
    }

    private static func runbook(_ name: String) throws -> String { try file("docs/runbooks/\(name).md") }

    /// Alerts that have no check: nobody would be there to say the first, the second is about the
    /// exporter alone, and the third needs a trace, which `diagnose --trace` shows by itself.
    private static let alertsWithoutCheck: Set<String> = [
        "TimeWaitExporterDown", "TimeWaitConfigReloadFailed", "TimeWaitConnectFailures",
    ]

    @Test("The alerts of the checks equal the alerts of the mixin except for three alerts")
    func alerts() throws {
        let names = try Self.file("dashboards/timewait-alerts.yml").matches(of: #/- alert: "(\w+)"/#).map {
            String($0.output.1)
        }
        let ofChecks = Check.allCases.compactMap(\.alert)
        #expect(Set(ofChecks).count == ofChecks.count)
        #expect(Set(names) == Set(ofChecks).union(Self.alertsWithoutCheck))
        #expect(Self.alertsWithoutCheck.isDisjoint(with: ofChecks))
    }

    @Test("The id of a check is the name of its alert in snake case")
    func ids() {
        for check in Check.allCases {
            guard let alert = check.alert else { continue }
            let words = alert.dropFirst("TimeWait".count).replacing(#/([A-Z])/#) { "_\($0.output.1.lowercased())" }
            #expect(words.dropFirst() == check.rawValue)
        }
    }

    @Test("The runbook of each check shows the diagnose command first", arguments: Check.allCases)
    func pages(check: Check) throws {
        let page = try Self.runbook(check.runbook)
        let seeing = try #require(page.firstRange(of: "## How to see it"))
        let first = page[seeing.upperBound...].firstMatch(of: #/```sh\n(.*)\n/#)?.output.1
        // What takes memory only an exporter that runs can tell.
        let command =
            check.takesMemory
            ? "timewait_exporter diagnose --url http://HOST:10057" : "sudo timewait_exporter diagnose"
        #expect(first.map(String.init) == command, "\(check.runbook)")
    }

    @Test("The thresholds of the checks equal those of the mixin")
    func thresholds() throws {
        let config = try Self.file("dashboards/mixin/config.libsonnet")
        var values: [String: Double] = [:]
        for match in config.matches(of: #/(?m)^    (\w+): ([0-9.]+),/#) {
            values["\(match.output.1)"] = Double(match.output.2)
        }
        let ours: [String: Double] = [
            "timeWaitPerListener": Thresholds.timeWaitPerListener,
            "timeWaitFloor": Double(Thresholds.timeWaitFloor),
            "timeWaitRemoteShare": Thresholds.timeWaitRemoteShare,
            "timeWaitServicesShare": Thresholds.dialedServicesShare,
            "dialedShare": Thresholds.dialedShare,
            "dialedPorts": Double(Thresholds.dialedPorts),
            "destinationShare": Thresholds.destinationShare,
            "exhaustionSeconds": Thresholds.exhaustionSeconds,
            "rangeShare": Thresholds.rangeShare,
            "bindShare": Thresholds.bindShare,
            "collisionRatio": Thresholds.collisionRatio,
            "bucketsShare": Thresholds.bucketsShare,
            "acceptQueue": Double(Thresholds.acceptQueue),
            "acceptQueueShare": Thresholds.acceptQueueShare,
            "closeWait": Double(Thresholds.closeWait),
            "staleSeconds": Thresholds.staleSeconds,
        ]
        // diagnose reports any overflow; the alert compares it with the day before.
        let ofAlertsOnly: Set<String> = ["overflowShare", "overflowRise"]
        #expect(values.filter { !ofAlertsOnly.contains($0.key) } == ours)
        #expect(ofAlertsOnly.isSubset(of: values.keys))
    }

    /// A command without what differs from case to case: numbers, addresses, names of units, sudo
    /// and indentation.
    private static func form(_ text: String) -> String {
        text.replacing(#/\\\n\s*/#, with: "")
            .replacing(#/&&\n\s*/#, with: "&& ")
            .replacing("sudo ", with: "")
            .replacing(#/systemctl (stop|restart|start) \S+\.service/#, with: { "systemctl \($0.output.1) NAME" })
            .replacing(#/dst (\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]) and/#, with: "dst ADDRESS and")
            .replacing(#/tcp_max_tw_buckets=\d+/#, with: "tcp_max_tw_buckets=N")
            .replacing(#/dport = :\d+/#, with: "dport = :N").replacing(#/sport = :\d+/#, with: "sport = :N")
            .replacing(#/ports=\d+/#, with: "ports=N")
    }

    @Test(
        "The runbook of each check contains the commands that its findings print",
        arguments: Check.allCases
    )
    func commands(check: Check) throws {
        for isRoot in [true, false] {
            let diagnosis = World.diagnosis(with: check, isRoot: isRoot)
            for finding in diagnosis[check] {
                let page = Self.form(try Self.runbook(check.runbook))
                for step in [finding.now, finding.prevent].compactMap(\.self) where !step.commands.isEmpty {
                    let script = Self.form(step.commands.joined(separator: "\n"))
                    for command in script.split(separator: "\n") {
                        #expect(page.contains(command), "\(check.runbook) lacks \(command)")
                    }
                }
            }
        }
    }
}
