import Aggregator
import ArgumentParser
import Model
import Program
import Sampler

/// Where the kernel's tables are read.
struct ReadingFlags: ParsableArguments {
    @Option(
        name: .customLong("sampler.source"),
        help: ArgumentHelp(
            "Where the socket table is read; auto is sock_diag, or procfs without it.",
            valueName: "source"
        )
    )
    var source = SourceChoice.auto

    @OptionGroup
    private var place: ProcfsFlag

    /// Where procfs is mounted.
    var procfs: String { place.mount }
}

/// The ports that services of this machine need.
struct ServiceFlags: ParsableArguments {
    @Option(
        name: .customLong("services.ports"),
        help: ArgumentHelp(
            "Ports that services of this machine need, such as 8080,9000-9010,51820/udp: always watched. TCP but for /udp.",
            discussion: "(default: none)",
            valueName: "list"
        ),
        transform: FlagValues.servicePorts
    )
    var ports = FlagValues.ServicePorts()
}

/// What gets series of its own on the page.
struct SeriesFlags: ParsableArguments {
    private static let defaults = AccountingSettings()

    @Option(
        name: .customLong("ports.limit"),
        help: ArgumentHelp(
            "How many LISTEN ports get series of their own; 0 for none.",
            discussion: "(default: \(defaults.portsLimit))",
            valueName: "number"
        ),
        transform: FlagValues.portsLimit
    )
    var portsLimit = defaults.portsLimit

    @Option(
        name: .customLong("ports.include"),
        help: ArgumentHelp(
            "LISTEN ports that may get series, or be learnt as a service's, such as 80,8000-8999; no others.",
            discussion: "(default: all)",
            valueName: "list"
        ),
        transform: FlagValues.ports
    )
    var portsIncluded: PortSet?

    @Option(
        name: .customLong("ports.exclude"),
        help: ArgumentHelp(
            "LISTEN ports that may not, such as those that programs take at random.",
            discussion: "(default: none)",
            valueName: "list"
        ),
        transform: FlagValues.ports
    )
    var portsExcluded = PortSet()

    @Option(
        name: .customLong("services.limit"),
        help: ArgumentHelp(
            "How many service ports get series; 0 for none.",
            discussion: "(default: \(defaults.servicesLimit))",
            valueName: "number"
        ),
        transform: FlagValues.portsLimit
    )
    var servicesLimit = defaults.servicesLimit

    @Option(
        name: .customLong("destinations.limit"),
        help: ArgumentHelp(
            "How many destinations get series of their own; 0 for none.",
            discussion: "(default: \(defaults.destinationsLimit))",
            valueName: "number"
        ),
        transform: FlagValues.seriesLimit
    )
    var destinationsLimit = defaults.destinationsLimit

    @Option(
        name: .customLong("peers.limit"),
        help: ArgumentHelp(
            "How many peers of each LISTEN port get series; 0 for none.",
            discussion: "(default: \(defaults.peersLimit))",
            valueName: "number"
        ),
        transform: FlagValues.seriesLimit
    )
    var peersLimit = defaults.peersLimit

    /// These flags as settings of the accounting.
    func accounting(_ services: ServiceFlags) -> AccountingSettings {
        var settings = AccountingSettings()
        settings.portsLimit = portsLimit
        settings.portsIncluded = portsIncluded
        settings.portsExcluded = portsExcluded
        settings.servicePorts = services.ports.tcp
        settings.udpServicePorts = services.ports.udp
        settings.servicesLimit = servicesLimit
        settings.destinationsLimit = destinationsLimit
        settings.peersLimit = peersLimit
        return settings
    }
}
