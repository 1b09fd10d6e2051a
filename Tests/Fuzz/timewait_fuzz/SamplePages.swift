import Advice
import Catalogue
import Exposition
import Foundation
import Model
import Presentation

/// All that is made of the samples of one host, one after the other.
struct SamplePages {
    private var counters: [ExpositionText.Series: Double] = [:]

    /// Makes and checks the pages of the next sample.
    @discardableResult
    mutating func make(of sample: Sample) -> ExpositionText {
        let facts = ExporterFacts(version: "1", revision: "", swiftVersion: "6", microhttpdVersion: "1")
        let input = PageInput(sample: sample, exporter: facts)
        let page = ExpositionText(Catalogue.page(input))
        let other = ExpositionText(Catalogue.page(input, .openMetrics))
        must(page.values.count == other.values.count, "the two formats have different series")
        for (series, value) in page.values {
            must(other.values[series].map { $0 == value || $0.isNaN && value.isNaN } == true, "\(series) differs")
            must(series.labels.isEmpty || !value.isNaN, "\(series) is no number")
        }
        noteCounters(page)
        if let report = sample.ports { Self.check(report) }
        return page
    }

    /// Counters that are the exporter's own, and not a kernel's, which may print what it likes.
    private static let own = [
        "timewait_observed_total", "timewait_port_entries_total", "timewait_sampler_errors_total",
        "timewait_sysctl_changes_total", "timewait_who_events_total",
    ]

    private mutating func noteCounters(_ page: ExpositionText) {
        for (series, value) in page.values where Self.own.contains(series.name) {
            let before = counters.updateValue(value, forKey: series) ?? 0
            must(value >= before, "the counter \(series) falls from \(before) to \(value)")
        }
    }

    /// Makes and checks the diagnosis of a sample and, which takes ten times as long, the landing
    /// page.
    static func makeDiagnosis(of sample: Sample, earlier: Sample?, withLandingPage: Bool) {
        var situation = Situation(host: "host", kernel: "Linux", sample: sample)
        situation.earlier = earlier
        situation.time = 1_800_000_000
        for hasMemory in [false, true] {
            situation.hasMemory = hasMemory
            let diagnosis = Diagnosis(of: situation)
            var options = TextReport.Options()
            options.isVerbose = true
            must(TextReport.text(diagnosis, options).contains("host"), "the text names no host")
            let json = (try? JSONSerialization.jsonObject(with: Data(diagnosis.json))) != nil
            must(json, "the diagnosis is not JSON")
            guard hasMemory, withLandingPage else { continue }
            let html = LandingPage(diagnosis, situation, LandingPage.Settings(version: "1")).html
            must(String(validating: html, as: UTF8.self) != nil, "the landing page is not UTF-8")
        }
    }

    /// The numbers of a report add up.
    private static func check(_ report: PortReport) {
        if let timeWait = report.timeWait, report.listening != nil {
            let sum = timeWait.total(.local) + timeWait.total(.remote)
            let rows = report.table.total(of: .timeWait)
            must(sum == rows, "\(sum) TIME_WAITs have a role, of \(rows)")
        }
        let orphans = report.orphanFinWait2
        must(orphans <= report.table.total(of: .finWait2), "\(orphans) orphans in FIN_WAIT2")
        if let listening = report.listening {
            let sum = listening.outside + listening.reserved + listening.exposed
            must(sum == report.occupancy.listening.count, "\(sum) LISTEN ports")
        }
        for (line, next) in zip(report.ports, report.ports.dropFirst()) {
            must(line.port < next.port, "ports are not in order")
        }
        for line in report.ports {
            let isRatio = line.collisionRatio.map { (0...1).contains($0) } ?? true
            must(isRatio && line.port != 0, "port \(line.port)")
        }
    }
}
