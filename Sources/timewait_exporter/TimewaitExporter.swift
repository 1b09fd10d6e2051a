import Aggregator
import ArgumentParser
import Endpoint
import Glibc
import KernelReaders
import Model
import Program
import Sampler
import System
import WebConfiguration

/// The command that serves: its flags, and what it says of bad ones. The others are `Subcommands`.
@main
struct TimewaitExporter: ParsableCommand {
    private static let defaults = SamplerSettings()

    static let configuration = CommandConfiguration(
        commandName: "timewait_exporter",
        abstract:
            "Exports which ports make this machine's TIME_WAIT sockets, and which services can lose their ports.",
        usage: """
            timewait_exporter [<flags>]
                   timewait_exporter <subcommand> [<flags>]
            """,
        discussion: "It reads the kernel's socket tables on a timer, changes nothing and needs no privilege.",
        version: """
            timewait_exporter, version \(BuildInformation.version) (revision: \(BuildInformation.revision))
              swift:         \(BuildInformation.swiftVersion)
              libmicrohttpd: \(Endpoint.libraryVersion)
            """,
        subcommands: Subcommands.all
    )

    @Option(
        name: .customLong("web.listen-address"),
        help: ArgumentHelp(
            "Address to serve on; repeatable. :PORT means every address; put IPv6 in brackets.",
            discussion: "(default: :10057)",
            valueName: "address"
        ),
        transform: FlagValues.listenAddress
    )
    var listenAddresses: [ListenAddress] = []

    @Flag(
        name: .customLong("web.systemd-socket"),
        help: "Serve on the sockets that systemd passes (socket activation), in place of --web.listen-address."
    )
    var usesPassedSockets = false

    @OptionGroup
    var configuration: WebConfigurationFlag

    @Option(
        name: .customLong("web.max-connections"),
        help: ArgumentHelp(
            "How many connections are served at once; further ones wait.",
            discussion: "(default: 512)",
            valueName: "number"
        ),
        transform: FlagValues.connectionLimit
    )
    var connectionLimit = 512

    @Option(
        name: .customLong("web.max-connections-per-address"),
        help: ArgumentHelp(
            "How many connections one client address may have; further ones are closed.",
            discussion: "(default: 128)",
            valueName: "number"
        ),
        transform: FlagValues.connectionLimit
    )
    var connectionLimitPerAddress = 128

    @Option(
        name: .customLong("web.telemetry-path"),
        help: ArgumentHelp("Path of the metrics.", discussion: "(default: /metrics)", valueName: "path"),
        transform: FlagValues.telemetryPath
    )
    var telemetryPath: TelemetryPath?

    @Flag(
        name: .customLong("web.disable-landing-page"),
        help: "Show only links at /, nothing about the machine."
    )
    var isLandingPageDisabled = false

    @Flag(
        name: .customLong("web.healthcheck"),
        help: ArgumentHelp(
            "Do not serve: ask the exporter that runs with the same flags whether it is healthy, and exit with 0 if so."
        )
    )
    var isHealthCheck = false

    @Option(
        name: .customLong("sampler.interval"),
        help: ArgumentHelp(
            "Time between two readings of the socket table, 1s to 30s.",
            discussion: "(default: \(Int(defaults.interval))s)",
            valueName: "duration"
        ),
        transform: FlagValues.interval
    )
    var interval = defaults.interval

    @Option(
        name: .customLong("sampler.cpu-limit"),
        help: ArgumentHelp(
            "Percentage of one core that all readings may take; above it the time between them is stretched, to 30s at most.",
            discussion: "(default: \(Int(100 * defaults.cpuShare)))",
            valueName: "percentage"
        ),
        transform: FlagValues.cpuShare
    )
    var cpuShare = defaults.cpuShare

    @OptionGroup
    var reading: ReadingFlags

    @OptionGroup
    var services: ServiceFlags

    @OptionGroup
    var series: SeriesFlags

    @OptionGroup
    var who: WhoFlags

    @Option(
        name: .customLong("ports.remembered"),
        help: ArgumentHelp(
            "How many ports keep their counters after the listener is gone.",
            discussion: "(default: \(defaults.accounting.portsRemembered))",
            valueName: "number"
        ),
        transform: FlagValues.portsLimit
    )
    var portsRemembered = defaults.accounting.portsRemembered

    @Option(
        name: .customLong("sockets.limit"),
        help: ArgumentHelp(
            "How many TIME_WAIT sockets are recognised from one reading to the next, over sock_diag.",
            discussion: "(default: \(defaults.accounting.socketsLimit))",
            valueName: "number"
        ),
        transform: FlagValues.socketsLimit
    )
    var socketsLimit = defaults.accounting.socketsLimit

    @OptionGroup
    var log: LogFlags

    /// Runs the command and ends the process: with status 0 after a signal.
    static func main() {
        StandardStreams.openMissing()
        Signals.ignoreFullFiles()
        var arguments: [String] = []
        do {
            arguments = try ProcessArguments.read().flatMap(withEmptyValue)
            var command = try Subcommands.parse(arguments)
            try command.run()
        } catch {
            let note = exitCode(for: error) == .validationFailure ? note(on: arguments) : ""
            end("timewait_exporter", with: error, note: note, hint: Subcommands.helpHint(arguments))
        }
    }

    /// What is to be added where a negative number was written, which ArgumentParser takes for an
    /// option and does not mention.
    private static func note(on arguments: [String]) -> String {
        let number = arguments.first { $0.wholeMatch(of: /-[0-9]+/) != nil }
        return number.map { "; '\($0)' is read as an option, not as a number" } ?? ""
    }

    /// An empty path means no file, as with exporter-toolkit; ArgumentParser takes the value of
    /// `--flag=` for missing, but reads an empty one that stands by itself.
    private static func withEmptyValue(_ argument: String) -> [String] {
        argument == "--web.config.file=" ? ["--web.config.file", ""] : [argument]
    }

    func validate() throws {
        if usesPassedSockets, !listenAddresses.isEmpty {
            throw ValidationError(
                "'--web.systemd-socket' and '--web.listen-address' exclude each other: the socket unit says where to listen"
            )
        }
        if usesPassedSockets, isHealthCheck {
            throw ValidationError(
                "'--web.healthcheck' asks on '--web.listen-address'; where '--web.systemd-socket' listens it cannot know"
            )
        }
    }

    mutating func run() throws {
        if isHealthCheck {
            return try HealthReport.make(of: serving.listenAddresses[0], configuration: configuration.file)
        }
        try log.run { log in
            var exporter = try Exporter(serving: serving, sampling: sampling, procfs: reading.procfs, log: log)
            exporter.run()
        }
    }

    private var serving: ServingSettings {
        get throws {
            ServingSettings(
                listenAddresses: listenAddresses.isEmpty ? [try FlagValues.listenAddress(":10057")] : listenAddresses,
                usesPassedSockets: usesPassedSockets,
                telemetryPath: try telemetryPath ?? FlagValues.telemetryPath("/metrics"),
                hasLandingPage: !isLandingPageDisabled,
                configurationFile: configuration.file,
                connectionLimit: connectionLimit,
                connectionLimitPerAddress: connectionLimitPerAddress
            )
        }
    }

    private var sampling: SamplerSettings {
        var settings = SamplerSettings()
        settings.interval = interval
        settings.cpuShare = cpuShare
        settings.source = reading.source
        settings.accounting = series.accounting(services)
        settings.accounting.portsRemembered = portsRemembered
        settings.accounting.socketsLimit = socketsLimit
        settings.who = who.settings
        return settings
    }
}
