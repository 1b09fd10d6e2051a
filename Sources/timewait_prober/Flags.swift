import ArgumentParser
import Model
import Prober
import Program

/// What is probed.
struct TargetFlags: ParsableArguments {
    @Option(
        name: .customLong("config.file"),
        help: ArgumentHelp(
            "Configuration file in YAML: modules, targets, listeners.",
            discussion: "(default: none)",
            valueName: "path"
        ),
        completion: .file(),
        transform: FlagValues.path
    )
    var configurationFile: String?

    @Option(
        name: .customLong("probe.http"),
        help: ArgumentHelp("URL to probe with the module http; repeatable.", valueName: "url")
    )
    var http: [String] = []

    @Option(
        name: .customLong("probe.tcp"),
        help: ArgumentHelp("Host and port to probe with the module tcp; repeatable.", valueName: "host:port")
    )
    var tcp: [String] = []

    @Option(
        name: .customLong("probe.listen"),
        help: ArgumentHelp(
            "Port of this host to look up in the kernel's table, without a connection; repeatable.",
            valueName: "[address:]port"
        )
    )
    var listen: [String] = []

    @Flag(
        name: .customLong("listeners"),
        help: "Probe every LISTEN port of this host, as they come and go."
    )
    var followsListeners = false

    @Option(
        name: .customLong("listeners.module"),
        help: ArgumentHelp(
            "Module for the LISTEN ports of this host.",
            discussion: "(default: tcp)",
            valueName: "module"
        )
    )
    var listenersModule: String?

    @Option(
        name: .customLong("listeners.include"),
        help: ArgumentHelp(
            "LISTEN ports that may be probed, such as 80,8000-8999; no others.",
            discussion: "(default: all)",
            valueName: "list"
        ),
        transform: FlagValues.ports
    )
    var listenersIncluded: PortSet?

    @Option(
        name: .customLong("listeners.exclude"),
        help: ArgumentHelp("LISTEN ports that are not probed.", discussion: "(default: none)", valueName: "list"),
        transform: FlagValues.ports
    )
    var listenersExcluded: PortSet?

    @Option(
        name: .customLong("targets.limit"),
        help: ArgumentHelp(
            "How many targets are probed; the rest is left out.",
            discussion: "(default: 1000)",
            valueName: "number"
        ),
        transform: ProbingFlags.limit
    )
    var limit = 1_000
}

/// How it is probed.
struct ProbingFlags: ParsableArguments {
    @Option(
        name: .customLong("probe.interval"),
        help: ArgumentHelp(
            "Time between two probes of a target, 100ms to 1h, where its module does not say it.",
            discussion: "(default: 15s)",
            valueName: "duration"
        ),
        transform: ProbingFlags.interval
    )
    var interval: Duration?

    @Option(
        name: .customLong("probe.timeout"),
        help: ArgumentHelp(
            "How long a probe may take in all, 10ms to 10m, where its module does not say it.",
            discussion: "(default: 10s)",
            valueName: "duration"
        ),
        transform: ProbingFlags.timeout
    )
    var timeout: Duration?

    @Option(
        name: .customLong("connections.limit"),
        help: ArgumentHelp(
            "How many connections may be open at once.",
            discussion: "(default: 1000)",
            valueName: "number"
        ),
        transform: ProbingFlags.limit
    )
    var connectionLimit = 1_000

    @Option(
        name: .customLong("source.ports"),
        help: ArgumentHelp(
            "Ports to connect from, outside of the ephemeral port range, such as 61000-61999.",
            discussion: "(default: chosen by the kernel)",
            valueName: "first-last"
        ),
        transform: ProbingFlags.sourcePorts
    )
    var sourcePorts: PortRange?

    @Flag(
        name: .customLong("source.allow-ephemeral"),
        help: "Accept --source.ports that are in the ephemeral port range."
    )
    var allowsEphemeral = false

    func validate() throws {
        if allowsEphemeral, sourcePorts == nil {
            throw ValidationError("'--source.allow-ephemeral' belongs to '--source.ports', which is missing")
        }
    }

    static func interval(_ text: String) throws -> Duration {
        .seconds(try FlagValues.seconds(text, in: 0.1...3600, "a duration from 100ms to 1h, such as 1s or 500ms"))
    }

    static func timeout(_ text: String) throws -> Duration {
        .seconds(try FlagValues.seconds(text, in: 0.01...600, "a duration from 10ms to 10m, such as 5s or 500ms"))
    }

    static func limit(_ text: String) throws -> Int {
        guard let number = Int(text), (1...100_000).contains(number) else {
            throw ValidationError("expected a number from 1 to 100000")
        }
        return number
    }

    static func sourcePorts(_ text: String) throws -> PortRange {
        let right = "expected the first and the last port, such as 61000-61999"
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(ends.count), ends.allSatisfy({ $0.wholeMatch(of: /[0-9]+/) != nil }) else {
            throw ValidationError(right)
        }
        let ports = try ends.map { end in
            guard let port = UInt16(end), port > 0 else {
                throw ValidationError("port \(end) is not 1 to 65535; \(right)")
            }
            return port
        }
        guard let range = PortRange(low: ports[0], high: ports[ports.count - 1]) else {
            throw ValidationError("the range runs backwards; \(right)")
        }
        return range
    }
}
