import ArgumentParser
import KernelReaders
import Model
import Prober
import ProberConfiguration
import Program
import System
import WebConfiguration

/// What the flags and the configuration file ask for together, checked.
struct Plan {
    /// The modules by their names.
    var modules: [String: ProbeModule] = [:]
    var targets: [Target] = []
    /// The module for LISTEN sockets; nil where these are not probed.
    var listeners: ProbeModule?
    var listenersIncluded: PortSet?
    var listenersExcluded = PortSet()
    var targetsLimit: Int
    var prober = Prober.Settings()

    /// - Throws: what is wrong with the flags, or what the machine does not allow.
    init(_ flags: TargetFlags, _ probing: ProbingFlags, procfs: String) throws {
        let builtIn = ProbeModule.builtIn.map { module in
            var module = module
            module.interval = probing.interval ?? module.interval
            module.timeout = probing.timeout ?? module.timeout
            return module
        }
        let file = try flags.configurationFile.map { try Self.read($0, builtIn) }
        for module in file?.modules ?? builtIn { modules[module.name] = module }
        targets = file?.targets ?? []
        targetsLimit = flags.limit
        for (flag, name, texts) in [
            ("--probe.http", "http", flags.http), ("--probe.tcp", "tcp", flags.tcp),
            ("--probe.listen", "listen", flags.listen),
        ] {
            for text in texts { targets.append(try Self.target(text, modules[name], flag)) }
        }
        if let name = flags.listenersModule, modules[name] == nil {
            throw ValidationError("'--listeners.module': unknown module '\(name)'; expected one of \(known)")
        }
        listeners = file?.listeners?.module
        if let name = flags.listenersModule ?? (flags.followsListeners && listeners == nil ? "tcp" : nil) {
            listeners = modules[name]
        }
        for (flag, list) in [
            ("--listeners.include", flags.listenersIncluded), ("--listeners.exclude", flags.listenersExcluded),
        ] where list != nil && listeners == nil {
            throw ValidationError("'\(flag)' belongs to '--listeners', which is missing")
        }
        listenersIncluded = flags.listenersIncluded ?? file?.listeners?.included
        listenersExcluded = flags.listenersExcluded ?? file?.listeners?.excluded ?? PortSet()
        prober.connectionLimit = probing.connectionLimit
        prober.procfs = procfs
        if let range = probing.sourcePorts {
            try Self.check(range, allowsEphemeral: probing.allowsEphemeral, procfs)
            prober.sourcePorts = range.low...range.high
        }
    }

    private static func read(_ path: String, _ builtIn: [ProbeModule]) throws -> ProberConfiguration {
        let text: [UInt8]
        do throws(SystemError) {
            text = try FileDescriptor(open: path).bytes(upTo: 1 << 20)
        } catch {
            throw StartError(description: "--config.file '\(path.onOneLine())': cannot read it: \(error.reason)")
        }
        do throws(Problem) {
            return try ProberConfiguration(path: path, text: text, builtIn: builtIn)
        } catch {
            throw StartError(description: "--config.file: \(error)")
        }
    }

    private static func target(_ text: String, _ module: ProbeModule?, _ flag: String) throws -> Target {
        guard let module else { throw ValidationError("'\(flag)' needs its module") }
        do {
            return try Target(text, module)
        } catch {
            throw ValidationError("'\(flag)': \(error)")
        }
    }

    /// The names of the modules.
    var known: String { modules.keys.sorted().joined(separator: ", ") }

    /// Refuses source ports that connections of others, or services, may have.
    private static func check(_ range: PortRange, allowsEphemeral: Bool, _ procfs: String) throws {
        func refusal(_ what: String) -> StartError {
            StartError(description: "--source.ports '\(range.low)-\(range.high)': \(what)")
        }
        let proc = ProcFilesystem(mount: procfs)
        let sysctls = try proc.portSysctls()
        guard let ephemeral = sysctls.value.range else {
            throw refusal("cannot read the ephemeral port range: \(sysctls.failures.first.map { "\($0)" } ?? "")")
        }
        if !allowsEphemeral, let port = (range.low...range.high).first(where: ephemeral.exposes) {
            let ports = "\(ephemeral.ports.low)-\(ephemeral.ports.high)"
            throw refusal(
                "port \(port) is in the ephemeral port range \(ports), so other connections can have it; choose ports "
                    + "above or below it, reserve them (ip_local_reserved_ports), or add --source.allow-ephemeral"
            )
        }
        let start = (try? proc.sysctlValues().value)?[.ipUnprivilegedPortStart]
        if let start, Int(range.low) < start, BindConditions.mayBindPrivilegedPorts == false {
            throw refusal(
                "port \(range.low) is below net.ipv4.ip_unprivileged_port_start (\(start)), and this process does not have "
                    + "CAP_NET_BIND_SERVICE; choose ports from \(start) on"
            )
        }
        var table = ListenTable(procfs: procfs)
        if let row = try table.read().first(where: { range.contains($0.localPort) }) {
            throw refusal("a socket listens on port \(row.localPort); choose ports on which nothing listens")
        }
    }
}
