import Exposition
import Model

extension Catalogue {
    /// How the reading itself fares.
    static let sampler: [Entry] = [
        Entry(
            .socketTable,
            .gauge,
            "timewait_sampler_source_info",
            "Where the socket table is read (source: sock_diag or procfs): always 1.",
            .interval
        ) { input, writer in
            if let source = input.sample.source { writer.sample(.count(1), ["source": source.rawValue]) }
        },
        collector(
            .gauge,
            "timewait_sampler_success",
            "1 if the collector's last reading gave at least a part of its values, else 0: then its families are absent. No series where the kernel "
                + "has nothing for it to read."
        ) { MetricValue($0.succeeded) },
        collector(
            .gauge,
            "timewait_sampler_last_success_timestamp_seconds",
            "When a reading of the collector last worked, in seconds since 1970."
        ) { $0.lastSuccess.map(MetricValue.init) },
        collector(
            .gauge,
            "timewait_sampler_duration_seconds",
            "How long the collector's last reading took, what follows from it included."
        ) { MetricValue($0.duration) },
        collector(
            .counter,
            "timewait_sampler_cpu_seconds_total",
            "CPU time of the collector's readings, user and system."
        ) { MetricValue($0.cpuSeconds) }.onlyServed(),
        Entry(
            .sampler,
            .gauge,
            "timewait_sampler_interval_seconds",
            "Seconds between two readings of the socket table, as in force.",
            .interval,
            value: { MetricValue($0.sample.interval) }
        ).onlyServed(),
        Entry(
            .sampler,
            .gauge,
            "timewait_sampler_throttled",
            "1 while the interval in force is longer than --sampler.interval asks for, else 0.",
            .interval,
            value: { MetricValue($0.sample.interval > $0.sample.requestedInterval) }
        ).onlyServed(),
        Entry(
            .sampler,
            .counter,
            "timewait_sampler_errors_total",
            "Readings of the collector, or of single values in them, that failed, by reason; reason malformed_row counts rows of the socket table that were left out.",
            .second
        ) { input, writer in
            for collector in Collector.allCases {
                let errors = input.sample.collectors[collector]?.errors ?? [:]
                for (reason, count) in errors.sorted(by: { $0.key < $1.key }) {
                    writer.sample(MetricValue(count), ["collector": collector.rawValue, "reason": reason])
                }
            }
        }.onlyServed(),
    ]

    /// What the exporter says of itself and of its process.
    static let exporter: [Entry] = [
        Entry(
            .exporter,
            .gauge,
            "timewait_exporter_build_info",
            "What runs: version and revision of the exporter, versions of Swift and of libmicrohttpd; always 1.",
            .second
        ) { input, writer in
            writer.sample(
                .count(1),
                [
                    "version": input.exporter.version,
                    "revision": input.exporter.revision,
                    "swiftversion": input.exporter.swiftVersion,
                    "microhttpdversion": input.exporter.microhttpdVersion,
                ]
            )
        },
        Entry(
            .exporter,
            .counter,
            "timewait_exporter_http_requests_total",
            "HTTP requests that were answered, by status code.",
            .second
        ) { input, writer in
            for (code, count) in input.exporter.requests.sorted(by: { $0.key < $1.key }) {
                writer.sample(MetricValue(count), ["code": String(code)])
            }
        }.onlyServed(),
        Entry(
            .exporter,
            .gauge,
            "timewait_exporter_connections",
            "Client connections by state: active while a request is read or answered, idle, or waiting to be let in.",
            .second
        ) { input, writer in
            guard let connections = input.exporter.connections else { return }
            writer.sample(MetricValue(connections.active), ["state": "active"])
            writer.sample(MetricValue(connections.idle), ["state": "idle"])
            writer.sample(MetricValue(connections.waiting), ["state": "waiting"])
        }.onlyServed(),
        Entry(
            .exporter,
            .gauge,
            "timewait_exporter_connections_limit",
            "The most client connections that are served at once; when nearly full, the longest idle ones are closed.",
            .second,
            value: { ($0.exporter.connections?.limit).map(MetricValue.init) }
        ).onlyServed(),
        Entry(
            .exporter,
            .counter,
            "timewait_exporter_tls_handshake_errors_total",
            "TLS handshakes that failed, by reason; absent without TLS.",
            .second
        ) { input, writer in
            for (reason, count) in input.exporter.failedHandshakes {
                writer.sample(MetricValue(count), ["reason": reason])
            }
        }.onlyServed(),
        Entry(
            .exporter,
            .counter,
            "timewait_exporter_log_lines_lost_total",
            "Lines of the log that were lost because nobody read standard error, or because they could not be written.",
            .second,
            value: { MetricValue($0.exporter.lostLogLines) }
        ).onlyServed(),
        Entry(
            .exporter,
            .gauge,
            "timewait_exporter_config_last_reload_successful",
            "1 if what the web configuration file and those it names hold is in force, 0 if what they held before still is.",
            .second,
            value: { ($0.exporter.reload?.wasSuccessful).map(MetricValue.init) }
        ).onlyServed(),
        Entry(
            .exporter,
            .gauge,
            "timewait_exporter_config_last_reload_success_timestamp_seconds",
            "When the web configuration was last read with success, in seconds since 1970.",
            .second,
            value: { ($0.exporter.reload?.lastSuccess).map(MetricValue.init) }
        ).onlyServed(),
        process(.counter, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.") {
            MetricValue($0.cpuSeconds)
        },
        process(.gauge, "process_open_fds", "Number of open file descriptors.") { MetricValue($0.openDescriptors) },
        process(.gauge, "process_max_fds", "Maximum number of open file descriptors.") {
            MetricValue($0.descriptorLimit)
        },
        process(.gauge, "process_virtual_memory_bytes", "Virtual memory size in bytes.") {
            MetricValue($0.virtualMemory)
        },
        process(.gauge, "process_resident_memory_bytes", "Resident memory size in bytes.") {
            MetricValue($0.residentMemory)
        },
        process(.gauge, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.") {
            MetricValue($0.startTime)
        },
        process(.gauge, "process_threads", "Number of OS threads in the process.") { MetricValue($0.threads) },
    ]

    /// A family with one sample for each collector in use.
    private static func collector(
        _ kind: MetricFamily.Kind,
        _ name: String,
        _ help: String,
        _ value: @escaping @Sendable (CollectorStatus) -> MetricValue?
    ) -> Entry {
        Entry(.sampler, kind, name, help, .second) { input, writer in
            for collector in Collector.allCases {
                guard let status = input.sample.collectors[collector], let value = value(status) else { continue }
                writer.sample(value, ["collector": collector.rawValue])
            }
        }
    }

    /// A family of one number about the process; node_exporter has the same ones of itself.
    private static func process(
        _ kind: MetricFamily.Kind,
        _ name: String,
        _ help: String,
        _ value: @escaping @Sendable (ProcessFacts) -> MetricValue
    ) -> Entry {
        Entry(.process, kind, name, help, .second) { input in input.sample.process.map(value) }.onlyServed()
    }
}
