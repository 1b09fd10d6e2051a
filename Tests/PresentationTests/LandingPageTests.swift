import Advice
import Model
import SyntheticMachines
import Testing

@testable import Presentation

@Suite("The landing page")
struct LandingPageTests {
    @Test("The content security policy contains the hash of the style sheet")
    func hash() throws {
        #expect(SHA256.base64(of: Array("abc".utf8)) == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")
        let document = LandingDocument(SyntheticMachine().situation)
        let style = try #require(document.first("<style>(.*?)</style>"))
        let hash = SHA256.base64(of: Array(style.utf8))
        #expect(LandingPage.styleHash == hash, "write it into LandingStyle.swift")
        #expect(LandingPage.contentSecurityPolicy.contains("style-src 'sha256-\(hash)'"))
        #expect(
            style == LandingDocument(Situation(host: "", kernel: "", sample: Sample())).first("<style>(.*?)</style>")
        )
    }

    @Test(
        "The landing page is a complete document without scripts or external resources",
        arguments: SyntheticMachine.Pattern.allCases
    )
    func document(_ pattern: SyntheticMachine.Pattern) {
        for listeners in [0, 20, 2000] {
            let machine = SyntheticMachine {
                $0.pattern = pattern
                $0.listeners = listeners
            }
            #expect(LandingDocument(machine.situation).faults == [], "\(listeners) listeners")
        }
        #expect(LandingDocument(Situation(host: "h", kernel: "", sample: Sample())).faults == [])
    }

    // MARK: - Numbers

    @Test("The landing page shows the numbers of its sample")
    func numbers() throws {
        let situation = SyntheticMachine { $0.pattern = .sparse }.situation
        let report = try #require(situation.sample.ports)
        let use = try #require(report.ephemeral)
        let nearest = try #require(report.destinations?.nearest)
        let document = LandingDocument(situation)
        let total = report.table.total(of: .timeWait)
        #expect(document.tile("TIME_WAIT").first == Wording.count(total))
        #expect(document.tile("Both ends on this host") == ["0.0 %", "0 of \(Wording.count(total)) TIME_WAITs"])
        #expect(
            document.tile("Ephemeral ports in use") == [
                Wording.percent(try #require(use.share)),
                "\(Wording.count(use.used)) of \(Wording.count(use.usable)) usable, 32768-60999",
            ]
        )
        #expect(document.tile("Nearest destination").first == Wording.percent(try #require(report.nearestShare)))
        let destinations = document.rows("dest")
        #expect(destinations.count == nearest.count)
        for (row, use) in zip(destinations, nearest) {
            let to = Wording.endpoint(use.line.destination.address, use.line.destination.port)
            #expect(row[0] == "\(to) from \(use.line.destination.source)")
            #expect(row[2...3] == [Wording.count(use.line.live), Wording.count(use.line.timeWait)])
        }
        let ports = document.rows("ports")
        #expect(ports.count == 10)
        for row in ports {
            let line = try #require(report.ports.first { "\($0.port)" == row[0] })
            let numbers = [line.timeWait?.total ?? -1, line.listeners, line.established, line.acceptQueue]
            #expect(Array(row[2...5]) == numbers.map { Wording.count($0) })
        }
        let words = document.rows("words")
        #expect(words.contains { $0[0] == "Used by ESTABLISHED" && $0[1] == Wording.count(use.established) })
        #expect(words.contains { $0[0] == "Used by TIME_WAIT" && $0[1] == Wording.count(use.timeWait) })
        #expect(words.contains { $0[0] == "Used by other states" && $0[1] == Wording.count(use.other) })
        #expect(words.contains { $0[0] == "Free for connect()" && $0[1] == Wording.count(use.usable - use.used) })
    }

    @Test("The landing page shows each finding with its commands and lists all checks")
    func findings() {
        let situation = SyntheticMachine { $0.pattern = .sparse }.situation
        let diagnosis = Diagnosis(of: situation)
        let document = LandingDocument(situation)
        #expect(diagnosis.findings.count > 2)
        #expect(document.words.hasPrefix("\(diagnosis.verdict) - synthetic-1 - timewait_exporter"))
        let blocks = document.all("<code>(.*?)</code>").map { block in
            block.replacing("&amp;", with: "&").replacing("&gt;", with: ">").replacing("&#39;", with: "'")
        }
        for finding in diagnosis.findings {
            for text in [finding.title, finding.why, finding.not] + finding.seen {
                #expect(document.words.contains(text.split(separator: " ").joined(separator: " ")), "\(text)")
            }
            for step in [finding.now, finding.prevent].compactMap(\.self) where !step.commands.isEmpty {
                #expect(blocks.contains(step.commands.joined(separator: "\n")))
            }
        }
        for check in diagnosis.passed { #expect(document.words.contains(check.label)) }
        for (check, reason) in diagnosis.notChecked {
            #expect(document.words.contains("\(check.label): \(reason)"))
        }
    }

    @Test("The landing page shows the reason for a large number in place of the checks")
    func reason() throws {
        var situation = SyntheticMachine { $0.pattern = .empty }.situation
        var diagnosis = Diagnosis(of: situation)
        diagnosis.isNormalBecause = "28,012 TIME_WAITs are normal here."
        situation.time += 1
        let page = LandingPage(diagnosis, situation, .init(version: "1")).html
        #expect(
            String(decoding: page, as: UTF8.self).contains("found nothing.</strong> 28,012 TIME_WAITs are normal here.")
        )
    }

    @Test("The landing page of a healthy host has no warning colours")
    func healthy() {
        let machine = SyntheticMachine {
            $0.listeners = 6
            $0.reserved = PortSet()
        }
        let situation = machine.situation
        #expect(Diagnosis(of: situation).findings.isEmpty)
        let text = LandingDocument(situation).text
        for name in ["critical", "warning", "warn", "bad", "badnum", "cross", "tag"] {
            #expect(text.firstMatch(of: try! Regex("class=\"[^\"]*\\b\(name)\\b")) == nil, "\(name)")
        }
        #expect(text.contains("fill='%231f9a5b'"))
    }

    // MARK: - What is not known

    @Test("The landing page before the first reading shows unknown values")
    func unread() {
        let document = LandingDocument(Situation(host: "new", kernel: "Linux 6.1", sample: Sample()))
        #expect(document.words.hasPrefix("No reading yet - new - timewait_exporter"))
        for term in ["TIME_WAIT", "Both ends on this host", "Ephemeral ports in use", "Nearest destination"] {
            #expect(document.tile(term).first == "unknown")
        }
        #expect(document.all("class=\"now\">(.*?)<") == Array(repeating: "unknown", count: 4))
        #expect(!document.text.contains("stroke-dasharray=\"0"))
        #expect(!document.words.contains("UTC,"))
    }

    @Test("The landing page shows unknown values if the ephemeral range is unreadable")
    func noRange() {
        var machine = SyntheticMachine()
        machine.range = nil
        let document = LandingDocument(machine.situation)
        #expect(document.tile("Ephemeral ports in use") == ["unknown", "range unknown"])
        #expect(document.tile("Nearest destination").first == "unknown")
        #expect(document.words.contains("ephemeral range unknown"))
        #expect(document.first("<path class=\"edge\" d=\"([^\"]*)\"") == nil)
        #expect(document.words.contains("Unknown: the ephemeral range or a sysctl could not be read."))
        #expect(document.faults == [])
    }

    @Test("The landing page shows TIME_WAITs as unknown if the local addresses are unreadable")
    func noAddresses() throws {
        var situation = SyntheticMachine().situation
        situation.sample.ports?.timeWait = nil
        situation.sample.ports?.newTimeWait = nil
        for index in situation.sample.ports?.ports.indices ?? 0..<0 {
            situation.sample.ports?.ports[index].timeWait = nil
        }
        let document = LandingDocument(situation)
        #expect(document.tile("Both ends on this host").first == "unknown")
        #expect(document.rows("ports").allSatisfy { $0[2] == "unknown" })
    }

    // MARK: - Names from outside

    @Test(
        "The landing page escapes and cuts the names of programs",
        arguments: [
            "<script>alert(1)</script>", "\"' onload=x", String(repeating: "x", count: 200), "é\u{202e}\u{7}&amp;",
        ]
    )
    func names(_ name: String) {
        let machine = SyntheticMachine {
            $0.names = [name]
            $0.pattern = .sparse
        }
        let document = LandingDocument(machine.situation)
        #expect(document.faults == [])
        #expect(!document.text.contains("<script"))
        #expect(!document.text.contains(" onload=x\""))
        #expect(!document.text.contains(String(repeating: "x", count: 41)))
        #expect(document.text.utf8.allSatisfy { $0 < 0x7f && ($0 >= 0x20 || $0 == 10) })
        let shown = Wording.name(name)
        #expect(document.rows("ports").contains { $0[1] == shown.split(separator: " ").joined(separator: " ") })
    }

    @Test("The landing page escapes the path of the metrics")
    func telemetryPath() {
        let document = LandingDocument(SyntheticMachine().situation, telemetryPath: "/a&b\"c")
        #expect(document.text.contains("<a href=\"/a&amp;b&quot;c\">Metrics</a>"))
    }

    @Test("The landing page refreshes itself only on request")
    func refresh() {
        let situation = SyntheticMachine().situation
        #expect(!LandingDocument(situation).text.contains("http-equiv"))
        let document = LandingDocument(situation, refresh: 10)
        #expect(document.text.contains("<meta http-equiv=\"refresh\" content=\"10\">"))
        #expect(document.text.contains("<a href=\"./\">stop</a>"))
    }

    // MARK: - Size

    @Test(
        "The landing page has at most 200 KB with 2,000 listeners",
        arguments: SyntheticMachine.Pattern.allCases
    )
    func size(_ pattern: SyntheticMachine.Pattern) {
        let machine = SyntheticMachine {
            $0.listeners = 2000
            $0.pattern = pattern
        }
        #expect(LandingDocument(machine.situation).bytes <= 200_000)
    }

    @Test("The landing page has at most 200 KB with a wide range in random states")
    func sizeOfWideRange() {
        let machine = SyntheticMachine {
            $0.listeners = 2000
            $0.pattern = .random
            $0.range = PortRange(low: 1024, high: 65_535)
        }
        #expect(LandingDocument(machine.situation).bytes <= 200_000)
    }

    @Test("The landing page shows 20 findings in full and only the titles of the others")
    func manyFindings() throws {
        let situation = SyntheticMachine { $0.pattern = .sparse }.situation
        var diagnosis = Diagnosis(of: situation)
        let one = try #require(diagnosis.findings.first)
        diagnosis.findings = (0..<500).map { number in
            var finding = one
            finding.key = "\(number)"
            return finding
        }
        let page = LandingPage(diagnosis, situation, .init(version: "1")).html
        let text = String(decoding: page, as: UTF8.self)
        #expect(text.matches(of: #/<article /#).count == 20)
        #expect(text.contains("480 more findings"))
        #expect(page.count < 250_000)
    }
}
