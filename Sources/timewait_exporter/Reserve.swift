import Advice
import Aggregator
import ArgumentParser
import Glibc
import KernelReaders
import Model
import Program
import Sampler
import System
import WebConfiguration

/// `timewait_exporter reserve`: prints the file that reserves the ports of this machine's services.
/// It writes no sysctl.
struct Reserve: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reserve",
        abstract: "Print a sysctl.d file that reserves the ports of this machine's services.",
        discussion: """
            It holds the LISTEN ports that an outgoing connection could take while their service is down, those in the \
            ephemeral range, and what is reserved now; a reserved port is so for TCP and UDP. Nothing is changed: what to \
            do with the file is printed on standard error. It is refused, with status 1, where less than half of the range \
            would stay.
            """
    )

    @Option(
        name: .customLong("ports"),
        help: ArgumentHelp(
            "Ports to reserve too, whether something listens or not, such as 50051,50070-50079,51820/udp.",
            discussion: "(default: none)",
            valueName: "list"
        ),
        transform: FlagValues.servicePorts
    )
    var ports = FlagValues.ServicePorts()

    @Option(
        name: .customLong("ports.exclude"),
        help: ArgumentHelp(
            "LISTEN ports to leave out, such as those that programs take at random; what is reserved now stays reserved.",
            discussion: "(default: none)",
            valueName: "list"
        ),
        transform: FlagValues.ports
    )
    var portsExcluded = PortSet()

    @Flag(
        name: .customLong("all-services"),
        help: "Reserve all LISTEN ports, those outside of the range too: before the range is widened."
    )
    var takesAllListening = false

    @Flag(
        name: .customLong("check"),
        help: """
            Print no file, but the missing ports, and those reserved now and in no file of sysctl.d; status 1 where a port \
            lacks.
            """
    )
    var isCheck = false

    @OptionGroup
    var reading: ReadingFlags

    func run() throws {
        try Exporter.check(procfs: reading.procfs)
        let plan = ReservedPorts(try facts(), request)
        let files = SysctlFiles.reservedPorts()
        if isCheck {
            try Terminal.write(Array(plan.check(command: command, files: files).utf8))
            if !plan.missing.isEmpty { throw ExitCode.failure }
            return
        }
        if let refusal = plan.refusal { throw StartError(description: refusal.description) }
        let file = plan.file(
            host: ProcFilesystem(mount: reading.procfs).hostName ?? "localhost",
            date: String(SystemClock.timestamp().prefix("2026-11-26".count)),
            version: BuildInformation.version
        )
        try Terminal.write(Array(file.utf8))
        // On a terminal there is no file yet.
        let advice = plan.advice(command: StandardStreams.outputIsTerminal ? command : nil, files: files)
        StandardStreams.writeError(Array(advice.utf8))
    }

    private var request: ReservedPorts.Request {
        var request = ReservedPorts.Request()
        request.ports = ports.tcp.union(ports.udp)
        request.excluded = portsExcluded
        request.takesAllListening = takesAllListening
        return request
    }

    private func facts() throws -> ReservedPorts.Facts {
        let proc = ProcFilesystem(mount: reading.procfs)
        let sysctls = try proc.portSysctls()
        guard let range = sysctls.value.range else {
            throw StartError(description: sysctls.failures.map(\.description).joined(separator: "; "))
        }
        let listening = try listeners(proc)
        var facts = ReservedPorts.Facts(range: range, listening: PortSet(listening.map(\.localPort)))
        // The rest only names the ports' owners.
        facts.udp = (try? proc.udpSockets(watching: PortSet()).ports) ?? PortSet()
        var owners = SocketOwnersReader(proc, readsSockDiag: reading.source != .procfs)
        if let owners = try? owners.read(asksOptions: { _ in false }) { facts.note(owners) }
        return facts
    }

    private func listeners(_ proc: ProcFilesystem) throws(ReadError) -> [SocketRow] {
        if reading.source == .sockDiag || reading.source == .auto && proc.isLive {
            do throws(ReadError) {
                return try Self.listeners()
            } catch {
                // Falls back to procfs.
                if reading.source == .sockDiag { throw error }
            }
        }
        var table = ProcSocketTable(proc)
        let listeners = try table.listeners()
        if table.malformedRows > 0 { Metrics.tell(.malformedRows(table.malformedRows)) }
        return listeners
    }

    /// The listeners over sock_diag.
    private static func listeners() throws(ReadError) -> [SocketRow] {
        var table = try SockDiagTable()
        return try table.listeners()
    }

    /// What prints the same file again.
    private var command: String {
        var words = ["timewait_exporter", "reserve"]
        let asked = ports.tcp.union(ports.udp)
        if !asked.isEmpty { words.append("--ports=\(asked.listText)") }
        if !portsExcluded.isEmpty { words.append("--ports.exclude=\(portsExcluded.listText)") }
        if takesAllListening { words.append("--all-services") }
        if reading.source != .auto { words.append("--sampler.source=\(reading.source.rawValue)") }
        if reading.procfs != "/proc", let path = Wording.shellWord(reading.procfs) {
            words.append("--path.procfs=\(path)")
        }
        return words.joined(separator: " ")
    }
}

/// Reads the files of sysctl.d.
enum SysctlFiles {
    /// What they set the list of reserved ports to.
    static func reservedPorts() -> ReservedPortsFiles {
        var problems: [String] = []
        let names = ReservedPortsFiles.folders.map { folder in
            do {
                return try self.names(in: folder)
            } catch {
                problems.append("\(error)")
                return []
            }
        }
        var paths = ReservedPortsFiles.order(names)
        // Debian's 99-sysctl.conf is a link to it.
        let last = identity(of: ReservedPortsFiles.last)
        if last != nil, !paths.contains(where: { identity(of: $0) == last }) { paths.append(ReservedPortsFiles.last) }
        let settings = paths.flatMap { path in
            do {
                return ReservedPortsFiles.settings(in: try contents(of: path), path: path)
            } catch {
                problems.append("\(error)")
                return []
            }
        }
        return ReservedPortsFiles(settings, problems: problems)
    }

    private static func identity(of path: String) -> FileStatus.Identity? {
        (try? FileStatus(at: path))?.identity
    }

    /// The names in a folder; none where it does not exist.
    private static func names(in folder: String) throws -> [String] {
        do throws(SystemError) {
            return try Folder.names(in: folder)
        } catch {
            if [ENOENT, ENOTDIR].contains(error.errno) { return [] }
            throw failure(folder, error)
        }
    }

    /// The first MiB of a file; empty for one that is masked, which is a link to /dev/null.
    private static func contents(of path: String) throws -> [UInt8] {
        do throws(SystemError) {
            return try FileDescriptor(open: path, waits: false).bytes(upTo: 1 << 20)
        } catch {
            throw failure(path, error)
        }
    }

    private static func failure(_ path: String, _ error: SystemError) -> StartError {
        StartError(description: "\(path.onOneLine()): cannot read it: \(error.reason)")
    }
}
