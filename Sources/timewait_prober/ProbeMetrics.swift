import Exposition
import Prober
import System

/// The metric families of the prober.
enum ProbeMetrics {
    private static let ofTarget = ["target", "module"]
    private static let success = MetricFamily(
        "timewait_probe_success",
        .gauge,
        labels: ofTarget,
        "1 if the last probe of the target succeeded, 0 if it failed. Absent before the first one has ended."
    )
    private static let duration = MetricFamily(
        "timewait_probe_duration_seconds",
        .gauge,
        labels: ofTarget,
        "How long the last probe of the target took."
    )
    private static let connections = MetricFamily(
        "timewait_probe_connections_total",
        .counter,
        labels: ofTarget,
        "Connections that were opened for the target. With a kept connection it stays at 1."
    )
    private static let reuses = MetricFamily(
        "timewait_probe_reuses_total",
        .counter,
        labels: ofTarget,
        "Probes over the connection of an earlier probe."
    )
    private static let failures = MetricFamily(
        "timewait_probe_failures_total",
        .counter,
        labels: ofTarget + ["reason"],
        "Probes that failed, by reason. A reason is absent until a probe has failed for it."
    )
    private static let successes = MetricFamily(
        "timewait_probe_successes_total",
        .counter,
        labels: ofTarget,
        "Probes that succeeded."
    )
    private static let missed = MetricFamily(
        "timewait_probe_missed_intervals_total",
        .counter,
        labels: ofTarget,
        "Intervals in which no probe began, because the one before still ran or the prober was late."
    )
    private static let targets = MetricFamily(
        "timewait_prober_targets",
        .gauge,
        "Targets that are probed on the schedule."
    )
    private static let targetsLeftOut = MetricFamily(
        "timewait_prober_targets_left_out",
        .gauge,
        "Targets that are not probed, because there are more than --targets.limit."
    )
    private static let openConnections = MetricFamily(
        "timewait_prober_connections",
        .gauge,
        "Connections of probes that are open now, those that are about to end included."
    )
    private static let buildInfo = MetricFamily(
        "timewait_prober_build_info",
        .gauge,
        labels: ["version", "revision"],
        "1, with the version of the prober."
    )
    private static let processCPU = MetricFamily(
        "process_cpu_seconds_total",
        .counter,
        "CPU time of the process."
    )

    /// What goes onto the page beside the targets.
    struct Facts {
        let version: String
        let revision: String
        var targetsLeftOut: Int
        var openConnections: Int
    }

    static func page(
        _ all: [TargetStatistics],
        _ facts: Facts,
        _ format: TextFormat,
        capacity: Int
    ) -> Page {
        var writer = TextWriter(format, capacity: capacity)
        writer.begin(section: "probes")
        writer.begin(success)
        for one in all { if let last = one.last { writer.sample(last.isSuccess, one.name, one.module) } }
        writer.begin(duration)
        for one in all { if let last = one.last { writer.sample(last.duration / .seconds(1), one.name, one.module) } }
        writer.begin(connections)
        for one in all { writer.sample(one.connections, one.name, one.module) }
        writer.begin(reuses)
        for one in all { writer.sample(one.reuses, one.name, one.module) }
        writer.begin(successes)
        for one in all { writer.sample(one.successes, one.name, one.module) }
        writer.begin(failures)
        for one in all {
            for reason in ProbeResult.Reason.allCases {
                guard let count = one.failures[reason] else { continue }
                writer.sample(count, one.name, one.module, reason.rawValue)
            }
        }
        writer.begin(missed)
        for one in all { writer.sample(one.missedIntervals, one.name, one.module) }
        writer.begin(section: "prober")
        writer.begin(targets)
        writer.sample(all.count)
        writer.begin(targetsLeftOut)
        writer.sample(facts.targetsLeftOut)
        writer.begin(openConnections)
        writer.sample(facts.openConnections)
        writer.begin(buildInfo)
        writer.sample(1, facts.version, facts.revision)
        writer.begin(processCPU)
        writer.sample(SystemClock.processCPU.seconds)
        return writer.page()
    }
}

extension TargetStatistics {
    fileprivate var name: String { target.name }
    fileprivate var module: String { target.module.name }
}
