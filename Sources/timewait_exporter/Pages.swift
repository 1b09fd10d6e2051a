import Advice
import Aggregator
import Endpoint
import KernelReaders
import Model
import Presentation
import Program
import Synchronization

/// The latest sample, which the main thread leaves here for those who make pages of it.
final class LatestSample: Sendable {
    private let sample = Mutex(Sample())

    var value: Sample { sample.withLock { $0 } }

    /// Puts a sample in the place of the one before.
    func replace(with new: Sample) {
        // The old one goes out of the lock with its last reference.
        let old = sample.withLock { sample in
            defer { sample = new }
            return sample
        }
        _ = consume old
    }
}

/// The pages that are made of the latest sample on request.
final class PagesOnDemand: Sendable {
    /// Where programs ask for the diagnosis.
    static let diagnosisPath = "/api/v1/diagnosis"

    private let latest: LatestSample
    private let surroundings: Surroundings

    init(of latest: LatestSample, in surroundings: Surroundings) {
        self.latest = latest
        self.surroundings = surroundings
    }

    /// Those that the flags ask for.
    func all(_ serving: ServingSettings) -> [Endpoint.OnDemandPage] {
        [diagnosis] + (serving.hasLandingPage ? [landing(serving)] : [])
    }

    /// What is known now.
    private var situation: Situation {
        let began = Clock.now
        let sample = latest.value
        var situation = surroundings.situation(of: sample)
        situation.duration = (sample.collectors[.socketTable]?.duration ?? 0) + (Clock.now - began)
        // It has looked since it started.
        situation.hasMemory = true
        if sample.collectors[.who]?.succeeded == true, let recent = sample.closers?.recent, recent.seconds > 0 {
            situation.traced = Traced(recent)
        }
        return situation
    }

    /// The diagnosis as JSON.
    private var diagnosis: Endpoint.OnDemandPage {
        Endpoint.OnDemandPage(path: Self.diagnosisPath) { [self] _ in
            Endpoint.Page(body: Diagnosis(of: situation).json, contentType: "application/json")
        }
    }

    /// `/`, and `/?refresh=10`, which loads itself again each ten seconds.
    private func landing(_ serving: ServingSettings) -> Endpoint.OnDemandPage {
        let telemetryPath = serving.telemetryPath.text
        return Endpoint.OnDemandPage(
            path: "/",
            headers: [("Content-Security-Policy", LandingPage.contentSecurityPolicy)],
            arguments: ["refresh": 1...3600]
        ) { [self] arguments in
            let settings = LandingPage.Settings(
                version: BuildInformation.version,
                revision: BuildInformation.revision,
                telemetryPath: telemetryPath,
                refresh: arguments["refresh"]
            )
            let situation = situation
            let page = LandingPage(Diagnosis(of: situation), situation, settings)
            return Endpoint.Page(body: page.html, contentType: "text/html; charset=utf-8")
        }
    }
}

/// The page at `/` of `--web.disable-landing-page`: what this is, and where the metrics are.
enum BareLandingPage {
    /// The page in HTML.
    static func content(version: String, telemetryPath: String) -> Endpoint.Page {
        let path = escaped(telemetryPath)
        let page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>timewait_exporter</title>
            <style>body { font: 16px/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; }</style>
            </head>
            <body>
            <h1>timewait_exporter</h1>
            <p>Who makes the TIME_WAIT sockets of this machine, which services can lose their ports, and how much of the ephemeral
            port range is used: as metrics for Prometheus.</p>
            <ul>
            <li><a href="\(path)">Metrics</a></li>
            <li><a href="/-/healthy">Healthy</a>: the process answers</li>
            <li><a href="/-/ready">Ready</a>: there is a sample, and it is fresh</li>
            </ul>
            <p>Version \(escaped(version))</p>
            </body>
            </html>

            """
        return Endpoint.Page(body: Array(page.utf8), contentType: "text/html; charset=utf-8")
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
