import ArgumentParser
import Program
import Sampler

/// Whether and how it is traced who closes first.
struct WhoFlags: ParsableArguments {
    @Flag(
        name: .customLong("who"),
        help: "Name the programs that close first, and those whose connect() finds no port. Needs CAP_PERFMON."
    )
    var isTracing = false

    @Option(
        name: .customLong("who.limit"),
        help: ArgumentHelp(
            "How many programs that close first get series of their own; 0 for none.",
            discussion: "(default: 20)",
            valueName: "number"
        ),
        transform: FlagValues.seriesLimit
    )
    var limit = 20

    @Option(
        name: .customLong("who.format-file"),
        help: ArgumentHelp(
            "Format file of the tracepoint sock:inet_sock_set_state.",
            discussion: "(default: systemd's credential who, else in tracefs)",
            valueName: "path"
        ),
        transform: FlagValues.path
    )
    var formatFile: String?

    /// Nil where it is not traced.
    var settings: WhoSettings? { isTracing ? WhoSettings(limit: limit, formatFile: formatFile) : nil }
}
