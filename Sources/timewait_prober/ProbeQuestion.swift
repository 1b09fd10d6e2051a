import Endpoint
import Exposition
import Prober

/// `/probe?target=&module=`, as of blackbox_exporter: one probe, now, and its result as a page. The
/// connection is kept for the next one.
enum ProbeQuestion {
    /// Less than Prometheus waits, so that the result arrives (blackbox_exporter's
    /// `--timeout-offset`).
    private static let offset = 0.5

    /// Answers 400 where `target` or `module` is missing, repeated or wrong.
    ///
    /// - Parameter modules: by their names.
    static func question(_ prober: Prober, _ modules: [String: ProbeModule]) -> Endpoint.Question {
        Endpoint.Question(path: "/probe") { query, reply in
            do throws(Refusal) {
                let target = try target(of: query, modules)
                prober.probe(target) { reply(.page(page(of: $0))) }
            } catch {
                reply(.refused(error.sentence))
            }
        }
    }

    private struct Refusal: Error {
        let sentence: String
    }

    private static func target(
        of query: Endpoint.Question.Query,
        _ modules: [String: ProbeModule]
    ) throws(Refusal) -> Target {
        let (targets, names) = (query.values(of: "target"), query.values(of: "module"))
        guard targets.count == 1, !targets[0].isEmpty else {
            let what = targets.isEmpty ? "is missing" : targets.count > 1 ? "is there more than once" : "is empty"
            throw Refusal(sentence: "The argument target \(what); expected /probe?target=web-1:8080&module=http.")
        }
        // The module that blackbox_exporter takes.
        let name = names.first ?? "http_2xx"
        guard names.count <= 1, var module = modules[name] else {
            let known = modules.keys.sorted().joined(separator: ", ")
            throw Refusal(sentence: "There is no such module; expected one of \(known).")
        }
        if let limit = query.header("X-Prometheus-Scrape-Timeout-Seconds").flatMap(Double.init), limit > 0 {
            module.timeout = min(module.timeout, .seconds(max(limit - offset, limit / 2)))
        }
        do throws(Target.SyntaxError) {
            return try Target(targets[0], module)
        } catch {
            // What a client wrote is not repeated to its browser.
            throw Refusal(sentence: "The target cannot be probed: \(error.reason).")
        }
    }

    private static let success = MetricFamily("probe_success", .gauge, "1 if the probe succeeded, else 0.")
    private static let duration = MetricFamily("probe_duration_seconds", .gauge, "How long the probe took.")
    private static let status = MetricFamily("probe_http_status_code", .gauge, "The status code of the answer.")
    private static let reused = MetricFamily(
        "timewait_probe_reused",
        .gauge,
        "1 if the connection of an earlier probe was used, else 0."
    )
    private static let failure = MetricFamily(
        "timewait_probe_failure",
        .gauge,
        labels: ["reason"],
        "1, with the reason why the probe failed."
    )

    private static func page(of result: ProbeResult) -> Endpoint.Page {
        let renditions = TextFormat.allCases.map { format in
            var writer = TextWriter(format)
            writer.begin(success)
            writer.sample(result.isSuccess)
            writer.begin(duration)
            writer.sample(result.duration / .seconds(1))
            writer.begin(status)
            if let code = result.status { writer.sample(code) }
            writer.begin(reused)
            writer.sample(result.isReuse)
            writer.begin(failure)
            if let reason = result.reason { writer.sample(1, reason.rawValue) }
            return Endpoint.Page.Rendition(body: writer.page().bytes, contentType: format.contentType)
        }
        return Endpoint.Page(renditions)
    }
}
