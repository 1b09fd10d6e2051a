package import Advice
import Model

/// The page at `/`: the diagnosis of one sample, the last hour, the busiest ports, programs and
/// destinations, and a map of all ports. A single document, without scripts or further requests.
package struct LandingPage: Sendable {
    /// What the page shows apart from the host.
    package struct Settings: Sendable {
        package var version: String
        /// The commit that it was built from; empty if unknown.
        package var revision: String
        package var telemetryPath: String
        /// The seconds between automatic reloads; nil for none.
        package var refresh: Int?

        package init(version: String, revision: String = "", telemetryPath: String = "/metrics", refresh: Int? = nil) {
            self.version = version
            self.revision = revision
            self.telemetryPath = telemetryPath
            self.refresh = refresh
        }
    }

    /// The seconds between reloads behind the link that turns them on.
    package static let offeredRefresh = 10

    let diagnosis: Diagnosis
    let situation: Situation
    let settings: Settings
    let services: ServiceNames

    /// - Parameter situation: the one from which the diagnosis was made.
    package init(_ diagnosis: Diagnosis, _ situation: Situation, _ settings: Settings) {
        self.diagnosis = diagnosis
        self.situation = situation
        self.settings = settings
        services = ServiceNames(situation)
    }

    var sample: Sample { situation.sample }
    var report: PortReport? { situation.sample.ports }

    /// The document in UTF-8.
    package var html: [UInt8] {
        let page: HTML = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">\
            <meta name="viewport" content="width=device-width, initial-scale=1">\
            <meta name="color-scheme" content="light dark">\(refresh)
            <title>\(verdict) - \(host) - timewait_exporter</title>
            <link rel="icon" href="\(tone.favicon)">
            <style>\(Self.style)</style></head><body>
            <a class="skip" href="#findings">Skip to the findings</a>
            \(head)
            <main>
            \(tiles)
            \(findings)
            \(lastHour)
            \(listeningPorts)
            \(closers)
            \(destinations)
            \(failedConnects)
            \(servicePorts)
            \(PortMap(self).section)
            </main>
            \(foot)
            </body></html>

            """
        return page.bytes
    }

    // MARK: - Head and foot

    var host: String { Wording.name(diagnosis.host) }

    /// The verdict of the diagnosis, if there was a reading.
    private var verdict: String {
        report == nil && diagnosis.worst == nil ? "No reading yet" : diagnosis.verdict
    }

    /// The severity of the verdict, in which notes do not count.
    private var tone: Tone {
        switch diagnosis.worst {
        case .critical: .critical
        case .warning: .warning
        case .note: .ok
        case nil: report == nil ? .note : .ok
        }
    }

    private var refresh: HTML {
        settings.refresh.map { "<meta http-equiv=\"refresh\" content=\"\($0)\">" } ?? ""
    }

    private var head: HTML {
        let follow: HTML =
            settings.refresh.map { "Loads anew every \($0) s: <a href=\"./\">stop</a>" }
                ?? """
                <a href="./">Reload</a> or <a href="./?refresh=\(Self.offeredRefresh)">follow, every \
                \(Self.offeredRefresh) s</a>
                """
        return """
            <header class="host"><div><p class="product">timewait_exporter</p><h1>\(host)</h1></div>
            <p class="verdict \(tone.name)">\(tone.icon)\(verdict)</p>
            <ul class="meta">\(facts.map { "<li>\($0)</li>" as HTML })<li>\(follow)</li></ul></header>
            """
    }

    /// The time, host and source of the sample.
    private var facts: [HTML] {
        var facts: [HTML] = []
        if let readAt = sample.readAt {
            facts.append(
                """
                sample of <time datetime="\(Wording.time(readAt.time))">\
                \(Wording.time(readAt.time, separator: " ", zone: " UTC"))</time>
                """
            )
            let age = situation.time - readAt.time
            if sample.interval > 0, age > 3 * sample.interval {
                facts.append("<strong>\(Wording.duration(age)) old</strong>")
            }
        } else {
            facts.append("the socket table was not read yet")
        }
        if !diagnosis.kernel.isEmpty { facts.append("\(diagnosis.kernel)") }
        if let source = sample.source {
            let duration = sample.collectors[.socketTable]?.duration ?? diagnosis.duration
            facts.append("\(source.rawValue), \(Wording.decimal(max(0.001, duration) * 1000, 0)) ms")
        }
        if sample.interval > 0 { facts.append("every \(Wording.duration(sample.interval))") }
        return facts
    }

    private var foot: HTML {
        let revision: HTML = settings.revision.isEmpty ? "" : " (\(String(settings.revision.prefix(12))))"
        return """
            <footer><nav aria-label="Pages"><ul><li><a href="\(settings.telemetryPath)">Metrics</a></li>\
            <li><a href="/api/v1/diagnosis">This page as JSON</a></li><li><a href="/-/healthy">Health</a></li>\
            <li><a href="/-/ready">Readiness</a></li><li><a href="\(TextReport.allRunbooks)">Runbooks</a></li></ul></nav>
            <p>timewait_exporter \(settings.version)\(revision). It reads the kernel's tables and changes nothing.</p></footer>
            """
    }

    // MARK: - Four numbers

    private var tiles: HTML {
        """
        <section aria-label="In short"><dl class="tiles">\(timeWaitTile)\(localTile)\(rangeTile)\(nearestTile)</dl></section>
        """
    }

    private var timeWaitTile: HTML {
        let summary = diagnosis.summary
        let sockets = summary.listenSockets ?? 0
        let detail =
            summary.timeWait.map { total in
                sockets == 0
                    ? "no LISTEN socket"
                    : "\(Wording.rate(Double(total) / Double(sockets))) for each of"
                        + " \(Wording.count(sockets, "LISTEN socket"))"
            } ?? "the socket table was not read"
        return tile(
            "TIME_WAIT",
            summary.timeWait.map { Wording.count($0) },
            detail,
            about: [.manyPerListener, .localProber, .bucketsNearLimit, .overflow]
        )
    }

    private var localTile: HTML {
        let summary = diagnosis.summary
        guard let local = summary.timeWaitLocal, let total = summary.timeWait else {
            let reason = summary.timeWait == nil ? "the socket table was not read" : "addresses or range not read"
            return tile("Both ends on this host", nil, reason)
        }
        return tile(
            "Both ends on this host",
            total == 0 ? "0" : Wording.percent(Double(local) / Double(total)),
            total == 0 ? "no TIME_WAIT" : "\(Wording.count(local)) of \(Wording.count(total, "TIME_WAIT"))",
            about: [.localProber, .manyPerListener],
            gauge: (local, total)
        )
    }

    private var rangeTile: HTML {
        let range = diagnosis.summary.range.map { "\($0.low)-\($0.high)" } ?? "unknown"
        guard let ports = diagnosis.summary.ports else {
            return tile("Ephemeral ports in use", nil, "range \(range)")
        }
        return tile(
            "Ephemeral ports in use",
            ports.usable == 0 ? "none usable" : Wording.percent(Double(ports.used) / Double(ports.usable)),
            "\(Wording.count(ports.used)) of \(Wording.count(ports.usable)) usable, \(range)",
            about: [.rangeNearlyUsed, .bindHalfUsed],
            gauge: (ports.used, ports.usable)
        )
    }

    private var nearestTile: HTML {
        let about: Set<Check> = [.destinationExhausting, .destinationPortsHalfUsed]
        guard let destinations = diagnosis.summary.destinations, let usable = diagnosis.summary.ports?.usable else {
            return tile("Nearest destination", nil, "destinations were not counted")
        }
        guard usable > 0, let nearest = diagnosis.summary.nearest else {
            return tile(
                "Nearest destination",
                usable > 0 ? "0.0 %" : "none usable",
                destinations == 0 ? "no destination" : "no port is usable",
                about: about
            )
        }
        let used = nearest.live + nearest.timeWait
        let end =
            nearest.exhaustion.map { $0 < 0.5 ? " fails now" : " fails in \(Wording.duration($0))" }
            ?? ", never runs out"
        return tile(
            "Nearest destination",
            Wording.percent(Double(used) / Double(usable)),
            nearest.text + end,
            about: about,
            gauge: (used, usable)
        )
    }

    /// One number.
    ///
    /// - Parameters:
    ///   - value: the number with its unit; nil if unknown.
    ///   - checks: the checks about the number: their worst finding determines its colour.
    ///   - gauge: the part of the whole that a bar shows.
    private func tile(
        _ term: String,
        _ value: String?,
        _ detail: String,
        about checks: Set<Check> = [],
        gauge: (part: Int, whole: Int)? = nil
    ) -> HTML {
        let worst = diagnosis.findings.filter { checks.contains($0.check) }.map(\.severity).max()
        let tone = worst.map { $0 == .note ? "" : " " + $0.name } ?? ""
        let shown: HTML =
            switch value {
            case .some(let value) where value.hasSuffix(" %"):
                "\(String(value.dropLast(2)))<span class=\"unit\"> %</span>"
            case .some(let value): "\(value)"
            case nil: "<span class=\"unit\">unknown</span>"
            }
        let bar: HTML =
            gauge.map { gauge in
                // Values other than 0 must be visible.
                let width = gauge.part == 0 ? 0 : max(gauge.part, gauge.whole / 160)
                return """
                    <svg class="gauge" width="100%" height="6" aria-hidden="true"><rect class="track" width="100%" \
                    height="6" rx="3"/><rect class="fill" width="\(.percent(width, of: gauge.whole))" height="6" rx="3"/></svg>
                    """
            } ?? ""
        return """
            <div class="tile\(tone)"><dt>\(term)</dt><dd><p class="value">\(shown)</p><p class="detail">\(detail)</p>\(bar)\
            </dd></div>
            """
    }
}
