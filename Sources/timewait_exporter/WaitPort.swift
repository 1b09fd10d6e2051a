import ArgumentParser
import KernelReaders
import Model
import Program
import Sampler

/// `timewait_exporter wait-port`: waits until a service can bind its port. It never calls bind():
/// its own socket could be the one that is in the way.
struct WaitPort: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait-port",
        abstract: "Wait until a service can bind its port, and say who holds it.",
        discussion: """
            For ExecStartPre= of a unit, an entrypoint or a shell: it ends with status 0 as soon as bind() will succeed. \
            It reads this from the kernel's tables and does not call bind(). It says on standard error who holds the port and for how long, at once \
            and then every 10 s; if nothing does, it says nothing. The status is 1 after --timeout, 64 after wrong usage.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The TCP port, and the address that the service binds, such as 8080, 8080,127.0.0.1 or 8080,::1. Without an "
                + "address: every address of IPv6 and IPv4; 0.0.0.0 is every address of IPv4.",
            valueName: "port[,address]"
        ),
        transform: FlagValues.bindEnd
    )
    var end: FlagValues.BindEnd

    @Option(
        name: .customLong("timeout"),
        help: ArgumentHelp(
            """
            How long to wait, 0s to 1h; 0s looks once. \
            A TIME_WAIT lasts \(Int(TimeWaitTiming().seconds)) to \(Int(TimeWaitTiming().longest)) s.
            """,
            discussion: "(default: 70s)",
            valueName: "duration"
        ),
        transform: FlagValues.timeout
    )
    var timeout = 70.0

    @Flag(
        name: .customLong("reuse-address"),
        help: """
            The service sets SO_REUSEADDR, and did so before it stopped: do not wait for connections that it had accepted.
            """
    )
    var reusesAddress = false

    @Flag(name: .customLong("ipv6-only"), help: "The service sets IPV6_V6ONLY: [::] is IPv6 without IPv4.")
    var isV6Only = false

    @Flag(
        name: .customLong("release"),
        help: "End TIME_WAITs whose both ends are on this host at once (SOCK_DESTROY); takes CAP_NET_ADMIN."
    )
    var releases = false

    @OptionGroup
    var reading: ReadingFlags

    func validate() throws {
        if isV6Only, end.address.isIPv4 {
            throw ValidationError("'--ipv6-only' is for an IPv6 address, and '\(end.address)' is one of IPv4")
        }
        if releases, reading.source == .procfs {
            throw ValidationError("'--release' takes sock_diag; '--sampler.source=procfs' excludes it")
        }
    }

    func run() throws {
        try Exporter.check(procfs: reading.procfs)
        var wait = try PortWait(
            for: ListenerEnd(end, isV6Only: isV6Only),
            PortWait.Request(timeout: timeout, reusesAddress: reusesAddress, releases: releases),
            ProcFilesystem(mount: reading.procfs),
            reading.source
        )
        try wait.run()
    }
}

extension ListenerEnd {
    /// What a service binds, as the end of the listener that it will be.
    fileprivate init(_ end: FlagValues.BindEnd, isV6Only: Bool) {
        self.init(
            SocketRow(
                localAddress: end.address,
                localPort: end.port,
                remoteAddress: end.address.isIPv4 ? .anyIPv4 : .anyIPv6,
                remotePort: 0,
                state: .listen,
                device: end.device,
                isV6Only: isV6Only
            )
        )
    }
}
