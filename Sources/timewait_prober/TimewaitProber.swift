import ArgumentParser
import Endpoint
import Glibc
import KernelReaders
import Model
import Prober
import Program
import System
import WebConfiguration

/// The command: its flags, and what it says of bad ones.
@main
struct TimewaitProber: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timewait_prober",
        abstract: "Probes services over connections that it keeps, and leaves no TIME_WAIT sockets behind.",
        usage: "timewait_prober [<flags>]",
        discussion: """
            It probes the targets of its flags, of a configuration file, or every LISTEN port of this host, and exports the \
            results for Prometheus. It needs no privilege.
            """,
        version: """
            timewait_prober, version \(BuildInformation.version) (revision: \(BuildInformation.revision))
              swift:         \(BuildInformation.swiftVersion)
              libmicrohttpd: \(Endpoint.libraryVersion)
            """
    )

    @OptionGroup
    var targets: TargetFlags

    @OptionGroup
    var probing: ProbingFlags

    @Option(
        name: .customLong("web.listen-address"),
        help: ArgumentHelp(
            "Address to serve on; repeatable. :PORT means every address; put IPv6 in brackets.",
            discussion: "(default: 127.0.0.1:10058)",
            valueName: "address"
        ),
        transform: TimewaitProber.listenAddress
    )
    var listenAddresses: [ListenAddress] = []

    @OptionGroup
    var configuration: WebConfigurationFlag

    @Flag(
        name: .customLong("web.disable-probe"),
        help: "Do not serve /probe, with which every client can have this host connect to any target."
    )
    var isProbeDisabled = false

    @OptionGroup
    var procfs: ProcfsFlag

    @OptionGroup
    var log: LogFlags

    /// Runs the command and ends the process: with status 0 after a signal.
    static func main() {
        StandardStreams.openMissing()
        Signals.ignoreFullFiles()
        do {
            var command = try parseAsRoot(try ProcessArguments.read())
            try command.run()
        } catch {
            end("timewait_prober", with: error, hint: "--help lists the flags")
        }
    }

    mutating func run() throws {
        let plan = try Plan(targets, probing, procfs: procfs.mount)
        try log.run { log in
            var service = try ProbeService(plan, serving, log)
            service.run()
        }
    }

    private static func listenAddress(_ text: String) throws -> ListenAddress {
        try FlagValues.listenAddress(text, example: 10058)
    }

    private var addressesToServe: [ListenAddress] {
        get throws {
            listenAddresses.isEmpty ? [try Self.listenAddress("127.0.0.1:10058")] : listenAddresses
        }
    }

    func validate() throws {
        guard let range = probing.sourcePorts else { return }
        for address in try addressesToServe where range.contains(address.port) {
            throw ValidationError(
                "'--source.ports': port \(address.port) is that of '--web.listen-address'; choose ports without it"
            )
        }
    }

    private var serving: ProbeService.Serving {
        get throws {
            ProbeService.Serving(
                listenAddresses: try addressesToServe,
                configurationFile: configuration.file,
                hasProbe: !isProbeDisabled
            )
        }
    }
}
