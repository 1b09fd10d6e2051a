package import Model

/// A part of the page that a client can ask for alone (`?collect[]=NAME`): the families that one
/// collector reads, or those that the exporter knows by itself.
package enum PageSection: Hashable, Sendable {
    case collector(Collector)
    case sampler
    case exporter

    package var name: String {
        switch self {
        case .collector(let collector): collector.rawValue
        case .sampler: "sampler"
        case .exporter: "exporter"
        }
    }

    /// The exporter and its process come last.
    static let inOrder: [PageSection] =
        Collector.allCases.filter { $0 != .process }.map(PageSection.collector)
        + [.sampler, .exporter, .collector(.process)]
}

/// Where the values of a family come from.
package struct Source: Sendable {
    package let section: PageSection
    /// How often it is read, and from which files: a part of HELP, from "every" on.
    package let text: String

    private init(_ section: PageSection, _ rhythm: String, _ files: [String]) {
        self.section = section
        let list = files.dropLast(2) + [files.suffix(2).joined(separator: " and ")]
        text = files.isEmpty ? rhythm : "\(rhythm), from \(list.joined(separator: ", "))"
    }

    private static let interval = "every --sampler.interval"
    private static let second = "every second"

    /// Read from sock_diag, or else from procfs, whose fields the kernel's documentation names.
    ///
    /// - Parameters:
    ///   - fields: the columns of /proc/net/tcp, which sock_diag has too.
    ///   - others: further files.
    static func socketTable(_ fields: String, _ others: String...) -> Source {
        Source(.collector(.socketTable), interval, ["sock_diag or /proc/net/tcp and tcp6 (\(fields))"] + others)
    }

    /// The choice of the source alone.
    static let socketTable = Source(.collector(.socketTable), interval, [])

    /// Read from different fields of sock_diag and of procfs.
    static func socketTable(sockDiag: String, procfs: String?) -> Source {
        let files = ["sock_diag (\(sockDiag))"] + (procfs.map { ["/proc/net/tcp and tcp6 (\($0))"] } ?? [])
        return Source(.collector(.socketTable), interval, [files.joined(separator: " or ")])
    }

    /// A tracepoint, matched with the socket table.
    static let who = Source(.collector(.who), interval, ["the tracepoint sock:inet_sock_set_state"])

    static let udp = Source(.collector(.udp), interval, ["/proc/net/udp", "udp6"])

    /// ip_local_port_range or ip_local_reserved_ports.
    static func ephemeralRange(_ name: String) -> Source {
        Source(.collector(.ephemeralRange), second, ["/proc/sys/net/ipv4/\(name)"])
    }

    static func sysctl(_ sysctl: Sysctl) -> Source {
        Source(.collector(.sysctl), second, ["/proc/sys/net/ipv4/\(sysctl.rawValue)"])
    }

    /// Several sysctls.
    static let sysctls = Source(.collector(.sysctl), second, ["/proc/sys/net/ipv4"])

    /// - Parameter other: a field of /proc/net/sockstat6, where that is read too.
    static func sockstat(_ field: String, and other: String? = nil) -> Source {
        let files = ["/proc/net/sockstat (\(field))"] + (other.map { ["sockstat6 (\($0))"] } ?? [])
        return Source(.collector(.sockstat), second, files)
    }

    /// Fields of TcpExt.
    static func netstat(_ fields: String) -> Source {
        Source(.collector(.netstat), second, ["/proc/net/netstat (TcpExt \(fields))"])
    }

    static func process(_ file: String) -> Source { Source(.collector(.process), second, [file]) }

    static let sampler = Source(.sampler, second, [])
    static let exporter = Source(.exporter, second, [])

    /// What the sampler derives from a file that another section has, too.
    static func sampler(_ file: String) -> Source { Source(.sampler, second, [file]) }
}
