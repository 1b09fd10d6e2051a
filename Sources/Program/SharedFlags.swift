import ArgumentParser

/// The web configuration file.
package struct WebConfigurationFlag: ParsableArguments {
    @Option(
        name: .customLong("web.config.file"),
        help: ArgumentHelp(
            "Web configuration file of exporter-toolkit, in YAML: TLS, users, headers, rate limit.",
            discussion: "(default: none: plain HTTP without authentication)",
            valueName: "path"
        )
    )
    private var path: String?

    package init() {}

    /// The path; nil where there is no file, which an empty path means too, as with
    /// exporter-toolkit.
    package var file: String? { path.flatMap { $0.isEmpty ? nil : $0 } }
}

/// Where the kernel's files are.
package struct ProcfsFlag: ParsableArguments {
    /// A path without a slash at its end.
    @Option(
        name: .customLong("path.procfs"),
        help: ArgumentHelp("Where procfs is mounted.", discussion: "(default: /proc)", valueName: "path"),
        transform: FlagValues.procfs
    )
    package private(set) var mount = "/proc"

    package init() {}
}
