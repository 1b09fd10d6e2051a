import Exposition
import Model

extension Catalogue {
    /// The readings themselves.
    static let sampler: [Family] = [
        .gauge(
            "timewait_sampler_source_info",
            labels: ["source"],
            "Source of the socket table, sock_diag or procfs; always 1."
        )
        .from(.socketTable) { input, page in
            if let source = input.sample.source { page.sample(1, source.rawValue) }
        },
        .gauge(
            "timewait_sampler_success",
            labels: ["collector"],
            "1 if the collector's last reading gave at least some of its values, else 0; what it could not read is "
                + "absent. No series where the kernel lacks what the collector reads."
        )
        .fromCollectors { $0.succeeded }
        .query("timewait_sampler_success == 0"),
        .gauge(
            "timewait_sampler_last_success_timestamp_seconds",
            labels: ["collector"],
            "Unix time of the collector's last successful reading."
        )
        .fromCollectors { $0.lastSuccess }
        .query("time() - timewait_sampler_last_success_timestamp_seconds > 300"),
        .gauge(
            "timewait_sampler_duration_seconds",
            labels: ["collector"],
            "Duration of the collector's last reading, including the evaluation of what it read."
        )
        .fromCollectors { $0.duration },
        .counter(
            "timewait_sampler_cpu_seconds_total",
            labels: ["collector"],
            "User and system CPU time of the collector's readings."
        )
        .fromCollectors(inUse: false) { $0.cpuSeconds }
        .onlyServed()
        .query("sum without(collector) (rate(timewait_sampler_cpu_seconds_total[5m]))"),
        .gauge(
            "timewait_sampler_interval_seconds",
            "Interval in force between two readings of the socket table."
        )
        .from(.sampler) { $0.sample.interval }
        .onlyServed(),
        .gauge(
            "timewait_sampler_throttled",
            "1 while --sampler.cpu-limit makes the interval in force longer than --sampler.interval, else 0."
        )
        .from(.sampler) { $0.sample.interval > $0.sample.requestedInterval }
        .onlyServed(),
        .counter(
            "timewait_sampler_errors_total",
            labels: ["collector", "reason"],
            "Failed readings of the collector, or of single values in them, by reason; malformed_row counts rows of "
                + "the socket table that were skipped."
        )
        .from(.sampler) { input, page in
            for collector in Collector.allCases {
                let errors = input.sample.collectors[collector]?.errors ?? [:]
                for (reason, count) in errors.sorted(by: { $0.key < $1.key }) {
                    page.sample(count, collector.rawValue, reason)
                }
            }
        }
        .onlyServed(),
    ]

    /// The exporter and its process.
    static let exporter: [Family] = [
        .gauge(
            "timewait_exporter_build_info",
            labels: ["version", "revision", "swiftversion", "microhttpdversion"],
            "Version and revision of the exporter, and the versions of Swift and libmicrohttpd; always 1."
        )
        .from(.exporter) { input, page in
            let facts = input.exporter
            page.sample(1, facts.version, facts.revision, facts.swiftVersion, facts.microhttpdVersion)
        },
        .counter("timewait_exporter_http_requests_total", labels: ["code"], "HTTP responses by status code.")
            .from(.exporter) { input, page in
                for (code, count) in input.exporter.requests.sorted(by: { $0.key < $1.key }) {
                    page.sample(count, String(code))
                }
            }
            .onlyServed(),
        .gauge(
            "timewait_exporter_connections",
            labels: ["state"],
            "Client connections by state: active while the exporter reads or answers a request, idle, or waiting to "
                + "be accepted."
        )
        .from(.exporter) { input, page in
            guard let connections = input.exporter.connections else { return }
            page.sample(connections.active, "active")
            page.sample(connections.idle, "idle")
            page.sample(connections.waiting, "waiting")
        }
        .onlyServed(),
        .gauge(
            "timewait_exporter_connections_limit",
            "Maximum number of client connections served at once (--web.max-connections). Near it, those that have "
                + "been idle longest are closed."
        )
        .from(.exporter) { $0.exporter.connections?.limit }
        .onlyServed(),
        .counter(
            "timewait_exporter_tls_handshake_errors_total",
            labels: ["reason"],
            "Failed TLS handshakes by reason. Absent without TLS."
        )
        .from(.exporter) { input, page in
            for (reason, count) in input.exporter.failedHandshakes { page.sample(count, reason) }
        }
        .onlyServed(),
        .counter(
            "timewait_exporter_log_lines_lost_total",
            "Log lines lost because nothing read standard error, or because writing failed."
        )
        .from(.exporter) { $0.exporter.lostLogLines }
        .onlyServed(),
        .gauge(
            "timewait_exporter_config_last_reload_successful",
            "1 if the current content of --web.config.file and of the files it names is in force, 0 if an earlier one "
                + "still is."
        )
        .from(.exporter) { $0.exporter.reload?.wasSuccessful }
        .onlyServed()
        .query("timewait_exporter_config_last_reload_successful == 0"),
        .gauge(
            "timewait_exporter_config_last_reload_success_timestamp_seconds",
            "Unix time of the last successful reading of the web configuration."
        )
        .from(.exporter) { $0.exporter.reload?.lastSuccess }
        .onlyServed(),
        .counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
            .fromProcess("/proc/self/stat") { $0.cpuSeconds },
        .gauge("process_open_fds", "Number of open file descriptors.")
            .fromProcess("/proc/self/fd") { $0.openDescriptors },
        .gauge("process_max_fds", "Maximum number of open file descriptors.")
            .fromProcess("getrlimit") { $0.descriptorLimit },
        .gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
            .fromProcess("/proc/self/stat") { $0.virtualMemory },
        .gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
            .fromProcess("/proc/self/stat") { $0.residentMemory },
        .gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")
            .fromProcess("/proc/self/stat") { $0.startTime },
        .gauge("process_threads", "Number of OS threads in the process.")
            .fromProcess("/proc/self/stat") { $0.threads },
    ]
}

extension Family.Heading {
    /// One sample for each collector whose value is known: counters also of those that are not in
    /// use any more.
    fileprivate func fromCollectors(
        inUse isOfThoseInUse: Bool = true,
        value: @escaping @Sendable (CollectorStatus) -> (any SampleValue)?
    ) -> Family {
        from(.sampler) { input, page in
            for collector in Collector.allCases {
                guard let status = input.sample.collectors[collector], status.isInUse || !isOfThoseInUse,
                    let value = value(status)
                else { continue }
                page.sample(value, collector.rawValue)
            }
        }
    }

    /// One number of the exporter's process, absent from the page of a single reading:
    /// node_exporter has its own.
    fileprivate func fromProcess(
        _ file: String,
        value: @escaping @Sendable (ProcessFacts) -> (any SampleValue)?
    ) -> Family {
        from(.process(file)) { $0.sample.process.flatMap(value) }.onlyServed()
    }
}
