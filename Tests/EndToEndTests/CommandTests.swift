import Foundation
import Namespaces
import Scenes
import Testing

@Suite("The command", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct CommandTests {
    let namespace: NetworkNamespace
    let executable: String

    init() throws {
        namespace = try NetworkNamespace()
        executable = try Executable.built("timewait_exporter")
    }

    @Test(
        "An invalid flag ends the command with one line and status 64",
        arguments: [
            (
                ["--sampler.interval=0"],
                "'0' is invalid for '--sampler.interval <duration>': out of bounds, expected a duration from 1s to 30s"
            ),
            (
                ["--sampler.interval", "5 parsecs"],
                "'5 parsecs' is invalid for '--sampler.interval <duration>': expected"
            ),
            (["--sampler.interval=999ms"], "'999ms' is invalid for '--sampler.interval <duration>': out of bounds"),
            (["--sampler.interval=31s"], "'31s' is invalid for '--sampler.interval <duration>': out of bounds"),
            (["--sampler.interval=nans"], "'nans' is invalid for '--sampler.interval <duration>': expected"),
            (["--sampler.interval="], "Missing value for '--sampler.interval <duration>'"),
            (
                ["--web.telemetry-path=metrics"],
                "'metrics' is invalid for '--web.telemetry-path <path>': a path begins with"
            ),
            (
                ["--web.listen-address=10057"],
                "'10057' is invalid for '--web.listen-address <address>': no port; write :10057"
            ),
            (
                ["--web.listen-address=::1:80"],
                "'::1:80' is invalid for '--web.listen-address <address>': put an IPv6 address"
            ),
            (
                ["--ports.limit=many"],
                "'many' is invalid for '--ports.limit <number>': expected a number from 0 to 65535"
            ),
            (["--ports.limit=-1"], "'-1' is invalid for '--ports.limit <number>': expected a number from 0 to 65535"),
            (
                ["--sampler.cpu-limit=0"],
                "'0' is invalid for '--sampler.cpu-limit <percentage>': expected a percentage above 0 and at most 100"
            ),
            (
                ["--sampler.source=ebpf"],
                "'ebpf' is invalid for '--sampler.source <source>'. Please provide one of 'auto',"
            ),
            (
                ["--log.level=loud"],
                "'loud' is invalid for '--log.level <level>'. Please provide one of 'debug', 'info'"
            ),
            (["--log.format=xml"], "'xml' is invalid for '--log.format <format>'. Please provide one of 'logfmt'"),
            (["--web.telemetry-path=/api/v1/diagnosis"], "the path is taken; write another, as /metrics"),
            (["--path.procfs="], "Missing value for '--path.procfs <path>'"),
            (
                ["--web.max-connections=0"],
                "'0' is invalid for '--web.max-connections <number>': expected a number from 1"
            ),
            (["--web.max-connections-per-address=many"], "expected a number from 1 to 1000000"),
            (["--web.config.file"], "Missing value for '--web.config.file <path>'"),
            (
                ["--services.ports=0"],
                "'0' is invalid for '--services.ports <list>': character 1: port 0 is out of range: ports are 1 to 65535; expected ports"
            ),
            (
                ["--services.ports=80,0-5/udp"],
                "'80,0-5/udp' is invalid for '--services.ports <list>': character 4: port 0 is out of range"
            ),
            (
                ["--ports.include=0"],
                "'0' is invalid for '--ports.include <list>': port 0 is out of range: ports are 1 to 65535; expected ports"
            ),
            (["--ports.exclude=0-80"], "'0-80' is invalid for '--ports.exclude <list>': port 0 is out of range"),
            (
                ["--web.telemetry-path=/" + String(repeating: "x", count: 1000)],
                "the path has 1001 bytes; expected at most 1000, as in /metrics"
            ),
            (
                ["--web.listen-address=[fe80::1]:80"],
                "'[fe80::1]:80' is invalid for '--web.listen-address <address>': a link-local address takes a zone"
            ),
            (
                ["--web.systemd-socket", "--web.listen-address=:8080"],
                "'--web.systemd-socket' and '--web.listen-address' exclude each other"
            ),
            (["--interval=5s"], "Unknown option '--interval'"),
            (["serve"], "Unexpected argument 'serve'; the subcommands are "),
            (["help", "serve"], "Unexpected argument 'serve'; the subcommands are "),
            (["metrics", "again"], "Unexpected argument 'again' (metrics --help lists its flags)"),
            (["metrics", "--web.listen-address=:80"], "Unknown option '--web.listen-address' (metrics --help lists"),
            (["metrics", "--ports.limit=many"], "'many' is invalid for '--ports.limit <number>': expected a number"),
            (["metrics", "--output="], "Missing value for '--output <path>'"),
            (["metrics", "--output", ""], "'' is invalid for '--output <path>': expected the path of a file"),
            (
                ["reserve", "--ports=50051-50050"],
                "'50051-50050' is invalid for '--ports <list>': character 1: the range 50051-50050 runs backwards; expected"
            ),
            (["reserve", "--ports=0"], "'0' is invalid for '--ports <list>': character 1: port 0 is out of range"),
            (["reserve", "--ports=80,90000"], "character 4: a port is at most 65535"),
            (["reserve", "--ports=80/sctp"], "character 3: '/sctp' is neither /tcp nor /udp"),
            (
                ["reserve", "--ports.exclude=x"],
                "'x' is invalid for '--ports.exclude <list>': character 1: expected a port"
            ),
            (["reserve", "8080"], "Unexpected argument '8080' (reserve --help lists its flags)"),
            (
                ["--path.procfs=/proc", "metrics"],
                "put '--path.procfs=/proc' behind 'metrics': the flags of a subcommand follow its name"
            ),
            (["--ports.limit", "5", "metrics", "--services.ports=80"], "put '--ports.limit' behind 'metrics'"),
            (["--web.telemetry-path=/a\nb"], "is invalid for '--web.telemetry-path <path>': a path has neither"),
        ]
    )
    func usage(flags: [String], message: String) throws {
        let result = try namespace.run(executable, flags)
        #expect(result.status == 64)
        #expect(result.standardOutput.isEmpty)
        #expect(result.standardError.hasPrefix("timewait_exporter: "))
        #expect(result.standardError.contains(message), "\(result.standardError)")
        #expect(result.standardError.hasSuffix("\n") && result.standardError.split(separator: "\n").count == 1)
    }

    @Test("A system error ends the command with one line that names the flag, and status 1")
    func world() throws {
        try namespace.listen("127.0.0.1", port: 10_057)
        let taken = try namespace.run(executable, ["--web.listen-address=127.0.0.1:10057"])
        #expect(taken.status == 1)
        #expect(
            taken.standardError == """
                timewait_exporter: --web.listen-address: cannot listen on 127.0.0.1:10057: Address already in use; \
                stop what listens there or choose another port\n
                """
        )
        let noProcfs = try namespace.run(executable, ["--path.procfs=/nowhere"])
        #expect(noProcfs.status == 1)
        #expect(
            noProcfs.standardError == """
                timewait_exporter: --path.procfs '/nowhere': no such folder; procfs is mounted at /proc on most \
                machines\n
                """
        )
        let otherFolder = try namespace.run(executable, ["--path.procfs=/etc"])
        #expect(otherFolder.status == 1)
        #expect(
            otherFolder.standardError == """
                timewait_exporter: --path.procfs '/etc': not a procfs: it has neither thread-self/net nor sys/net; \
                procfs is mounted at /proc on most machines\n
                """
        )
        for folder in ["/proc/self", "/proc/1"] {
            let ofProcess = try namespace.run(executable, ["--path.procfs=\(folder)"])
            #expect(ofProcess.status == 1)
            let beginning = "timewait_exporter: --path.procfs '\(folder)': not a procfs"
            #expect(ofProcess.standardError.hasPrefix(beginning))
        }
        let noFile = try namespace.run(executable, ["--web.config.file=/nowhere/web.yml"])
        #expect(noFile.status == 1)
        #expect(
            noFile.standardError
                == "timewait_exporter: --web.config.file: /nowhere/web.yml:1: cannot read it: No such file or directory\n"
        )
        let noSocket = try namespace.run(executable, ["--web.systemd-socket"])
        #expect(noSocket.status == 1)
        #expect(noSocket.standardError.hasPrefix("timewait_exporter: --web.systemd-socket: no socket was passed"))
        let tooMany = try namespace.run("prlimit", ["--nofile=100:100", executable, "--web.max-connections=37"])
        #expect(tooMany.status == 1)
        #expect(
            tooMany.standardError.hasPrefix(
                "timewait_exporter: --web.max-connections '37': takes 165 open files, and this process may have 100;"
            )
        )
        // --who takes two more for each CPU.
        let files = 165 + 2 * sysconf(CInt(_SC_NPROCESSORS_CONF))
        let traced = ["--nofile=165:165", executable, "--web.max-connections=37", "--who"]
        let tooManyTraced = try namespace.run("prlimit", traced)
        #expect(tooManyTraced.status == 1)
        #expect(
            tooManyTraced.standardError.hasPrefix(
                "timewait_exporter: --web.max-connections '37' with --who: takes \(files) open files, and this process"
            )
        )
        let notOurs = try namespace.run(executable, ["--web.listen-address=192.0.2.1:10057"])
        #expect(notOurs.status == 1)
        #expect(notOurs.standardError.contains("no interface of this host has the address"))
    }

    @Test("The command prints its version and its flags with status 0")
    func help() throws {
        let version = try namespace.run(executable, ["--version"])
        #expect(version.status == 0)
        #expect(version.standardOutput.hasPrefix("timewait_exporter, version "))
        let help = try namespace.run(executable, ["--help"])
        #expect(help.status == 0)
        for flag in [
            "--web.listen-address", "--web.systemd-socket", "--web.config.file", "--web.max-connections",
            "--web.max-connections-per-address", "--web.telemetry-path", "--web.disable-landing-page",
            "--sampler.interval", "--sampler.cpu-limit",
            "--sampler.source", "--ports.limit", "--ports.remembered", "--sockets.limit", "--path.procfs",
            "--log.level", "--log.format", "--version", "SUBCOMMANDS:", "\n  metrics  ",
            "\n  reserve  ", "\n  diagnose  ", "\n  wait-port  ",
        ] {
            #expect(help.standardOutput.contains(flag))
        }
    }

    @Test(
        "A subcommand prints its own flags and the program's version",
        arguments: ["diagnose", "metrics", "reserve", "wait-port"]
    )
    func help(subcommand: String) throws {
        let help = try namespace.run(executable, [subcommand, "--help"])
        #expect(help.status == 0 && help.standardError.isEmpty)
        #expect(help.standardOutput.contains("USAGE: timewait_exporter \(subcommand) "))
        #expect(help.standardOutput.contains("--path.procfs") && !help.standardOutput.contains("--web."))
        #expect(try namespace.run(executable, ["help", subcommand]).standardOutput == help.standardOutput)
        let version = try namespace.run(executable, [subcommand, "--version"])
        #expect(version.standardOutput == (try namespace.run(executable, ["--version"]).standardOutput))
    }

    @Test(
        "The command generates completion scripts for three shells",
        arguments: ["bash", "zsh", "fish"]
    )
    func completions(shell: String) throws {
        let script = try namespace.run(executable, ["--generate-completion-script", shell])
        #expect(script.status == 0 && script.standardError.isEmpty)
        for word in ["web.listen-address", "metrics", "output", "reserve", "all-services", "wait-port"] {
            #expect(script.standardOutput.contains(word))
        }
    }

    @Test("SIGTERM and SIGINT stop the command with status 0", arguments: [SIGTERM, SIGINT])
    func stops(signal: Int32) throws {
        let exporter = try RunningExporter(in: namespace)
        exporter.program.signal(signal)
        #expect(try exporter.program.waitForExit() == .exited(0))
        #expect(exporter.program.standardError.contains("msg=Stopping"))
    }

    @Test("The command serves on every given address under the given path")
    func addresses() throws {
        let flags = [
            "--web.listen-address=127.0.0.1:10057", "--web.listen-address=[::1]:10058", "--web.telemetry-path=/numbers",
        ]
        let exporter = try RunningExporter(in: namespace, flags)
        #expect(try namespace.get("/numbers", from: "::1", port: 10_058).status == 200)
        #expect(try namespace.get("/metrics", port: 10_057).status == 404)
        #expect(try namespace.get("/", port: 10_057).text.contains("<a href=\"/numbers\">"))
        #expect(try namespace.get("/-/healthy", port: 10_057).status == 200)
        let page = try namespace.get("/numbers", port: 10_057)
        #expect(page.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(exporter.program.standardError.contains("url=http://[::1]:10058/numbers"))
    }

    @Test(
        "The command treats an empty --web.config.file as unset",
        arguments: [["--web.config.file="], ["--web.config.file", ""]]
    )
    func noConfiguration(flags: [String]) throws {
        let exporter = try RunningExporter(in: namespace, ["--web.config.file=/nowhere/web.yml"] + flags)
        #expect(exporter.program.standardError.contains("url=http://localhost:10057/metrics"))
    }

    @Test("The default port serves IPv4 and IPv6 and lies outside the default ephemeral range")
    func dualStack() throws {
        let exporter = try RunningExporter(in: namespace)
        #expect(try exporter.page()["timewait_port_listeners", ["port": "10057"]] == 1)
        #expect(try namespace.get("/metrics", from: "::1", port: 10_057).status == 200)
    }

    @Test("The command logs one line per message in logfmt or JSON", arguments: ["logfmt", "json"])
    func logs(format: String) throws {
        let exporter = try RunningExporter(in: namespace, ["--log.format=\(format)"])
        exporter.program.terminate()
        try exporter.program.waitForExit()
        let lines = exporter.program.standardError.split(separator: "\n")
        #expect(lines.count >= 3)
        for line in lines {
            if format == "json" {
                let fields = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
                #expect(fields["level"] == "INFO" && fields["msg"] != nil && fields["time"]?.hasSuffix("Z") == true)
            } else {
                #expect(line.hasPrefix("time=20") && line.contains("Z level=INFO msg="))
            }
        }
    }

    @Test("The command logs only messages at or above --log.level")
    func logLevel() throws {
        let exporter = try RunningExporter(in: namespace, ["--log.level=warn"])
        exporter.program.terminate()
        try exporter.program.waitForExit()
        #expect(exporter.program.standardError.isEmpty)
    }

    @Test("The command logs a missing file once, keeps running, and recovers when the file returns")
    func missingFile() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let exporter = try RunningExporter(in: namespace, ["--path.procfs=\(scene.path)"])
        #expect(try exporter.page()["timewait_sockets", ["role": "server", "peer": "local"]] == 54)
        let success = { (page: MetricsPage) in page["timewait_sampler_success", ["collector": "socket_table"]] }
        try scene.remove("thread-self/net/tcp")
        try poll("the collector fails") { success(try exporter.page()) == 0 }
        let page = try exporter.page()
        #expect(!page.text.contains("timewait_sockets") && !page.text.contains("timewait_port_"))
        #expect(page["timewait_buckets"] == 83)
        let whole = String(decoding: try Scene("mixed").bytes("thread-self/net/tcp"), as: UTF8.self)
        try scene.write(whole, to: "thread-self/net/tcp")
        try poll("the collector works again") { success(try exporter.page()) == 1 }
        #expect(try exporter.page()["timewait_sockets", ["role": "server", "peer": "local"]] == 54)
        let log = exporter.program.standardError.split(separator: "\n")
        #expect(log.count { $0.contains("level=ERROR") } == 1)
        #expect(log.count { $0.contains("Reading works again") } == 1)
    }
}
