import Foundation
import Namespaces
import Scenes
import Testing

@Suite("The metrics subcommand", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct MetricsCommandTests {
    let namespace: NetworkNamespace
    let executable: String

    init() throws {
        namespace = try NetworkNamespace()
        executable = try Executable.built("timewait_exporter")
    }

    /// Runs a script in a folder of its own that ends with it; `$0` is the command.
    private func run(_ script: String) throws -> FinishedProgram {
        let setup = "set -eu; mount -t tmpfs -o mode=755 none /mnt; cd /mnt; "
        return try namespace.run("unshare", ["--mount", "sh", "-c", setup + script, executable])
    }

    @Test(
        "The metrics subcommand prints the page of one reading, without metrics of the exporter itself"
    )
    func page() throws {
        try namespace.listen(port: 8080)
        try namespace.makeTimeWaits(20, .server, port: 8080)
        let result = try namespace.run(executable, ["metrics", "--services.ports=8080,9090"])
        #expect(result.status == 0 && result.standardError.isEmpty)
        let page = MetricsPage(result.standardOutput)
        #expect(page["timewait_port_sockets", ["port": "8080", "role": "server", "peer": "local"]] == 20)
        #expect(page["timewait_port_recurring", ["port": "8080"]] == 1)
        #expect(page["timewait_service_port_listening", ["port": "9090"]] == 0)
        #expect(page["timewait_sampler_success", ["collector": "socket_table"]] == 1)
        let exporter = try RunningExporter(in: namespace, ["--services.ports=8080,9090"])
        let families = { (text: String) in
            Set(text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }.map { $0.split(separator: " ")[2] })
        }
        let served = families(try exporter.page().text)
        let printed = families(result.standardOutput)
        #expect(printed.isSubset(of: served))
        // The rest is about the process, or counts from its start.
        let left = served.subtracting(printed)
        #expect(left.count { $0.hasPrefix("process_") } == 7)
        #expect(
            left.filter { !$0.hasPrefix("process_") }.sorted() == [
                "timewait_exporter_connections", "timewait_exporter_connections_limit",
                "timewait_exporter_http_requests_total", "timewait_exporter_log_lines_lost_total",
                "timewait_observed_total", "timewait_port_entries_total", "timewait_sampler_cpu_seconds_total",
                "timewait_sampler_errors_total", "timewait_sampler_interval_seconds", "timewait_sampler_throttled",
                "timewait_sysctl_changes_total", "timewait_tracked_sockets_limit", "timewait_untracked_sockets",
            ]
        )
    }

    @Test("The metrics subcommand prints OpenMetrics when asked to")
    func openMetrics() throws {
        let text = try namespace.output(of: executable, ["metrics", "--format=openmetrics"])
        #expect(text.hasSuffix("\n# EOF\n") && text.contains("# TYPE timewait_recycled counter\n"))
    }

    @Test(
        "--output replaces the file with a complete one that everybody may read, whatever the umask"
    )
    func output() throws {
        let result = try run(
            """
            umask 077
            "$0" metrics --output=new.prom
            echo old >old.prom
            ln -s new.prom link.prom
            "$0" metrics --output /mnt/old.prom
            "$0" metrics --output=link.prom
            stat -c '%n %a %F' *
            grep -c 'timewait_sampler_success{collector="socket_table"} 1' *
            """
        )
        #expect(result.status == 0 && result.standardError.isEmpty)
        #expect(
            result.standardOutput == """
                link.prom 644 regular file
                new.prom 644 regular file
                old.prom 644 regular file
                link.prom:1
                new.prom:1
                old.prom:1

                """
        )
    }

    @Test("A failed write leaves the old file and no other file")
    func failures() throws {
        let full = try run(
            """
            mkdir small && mount -t tmpfs -o size=8k none small
            echo old >small/a.prom
            "$0" metrics --output=small/a.prom || echo "status $?"
            ls -A small && cat small/a.prom
            """
        )
        #expect(full.standardOutput == "status 1\na.prom\nold\n")
        #expect(
            full.standardError
                == "timewait_exporter: --output 'small/a.prom': cannot write it: No space left on device\n"
        )
        let others = try run(
            """
            mkdir folder && mkfifo fifo && ln -s /dev/full full
            for name in folder fifo full; do "$0" metrics --output=$name || echo "status $?"; done
            stat -c '%n %F' *
            """
        )
        #expect(
            others.standardOutput == """
                status 1
                status 1
                status 1
                fifo fifo
                folder directory
                full symbolic link

                """
        )
        let advice = "not a regular file; name a file, or leave --output out for standard output"
        #expect(
            others.standardError
                == ["folder", "fifo", "full"].map { "timewait_exporter: --output '\($0)': \(advice)\n" }.joined()
        )
        let limited = try run(
            """
            echo old >a.prom
            (ulimit -f 1; "$0" metrics --output=a.prom) || echo "status $?"
            (ulimit -f 1; "$0" metrics >cut) || echo "status $?"
            ls -A . && cat a.prom
            """
        )
        #expect(limited.standardOutput == "status 1\nstatus 1\na.prom\ncut\nold\n")
        #expect(
            limited.standardError == """
                timewait_exporter: --output 'a.prom': cannot write it: File too large
                timewait_exporter: cannot write to standard output: File too large

                """
        )
        let nowhere = try run("\"$0\" metrics --output=/nowhere/a.prom")
        #expect(nowhere.status == 1)
        #expect(
            nowhere.standardError == """
                timewait_exporter: --output '/nowhere/a.prom': cannot create a file beside it: No such file or directory\n
                """
        )
        #expect(try run("\"$0\" metrics >/dev/full").status == 1)
    }

    @Test("A concurrent reader never sees an incomplete file")
    func concurrency() throws {
        let result = try run(
            """
            "$0" metrics --output=a.prom
            (for number in 1 2 3 4 5 6 7 8 9 10; do "$0" metrics --output=a.prom; done; touch done) &
            while [ ! -e done ]; do tail -n 1 a.prom | grep -q '^timewait_exporter_build_info{' || echo half; done
            wait
            ls
            """
        )
        #expect(result.status == 0 && result.standardOutput == "a.prom\ndone\n")
    }

    @Test("An unreadable file is reported, and an unreadable socket table ends with status 1")
    func missing() throws {
        let scene = try Scene(copyOf: "mixed")
        defer { try? scene.remove() }
        let whole = try namespace.run(executable, ["metrics", "--path.procfs=\(scene.path)"])
        #expect(whole.status == 0)
        #expect(MetricsPage(whole.standardOutput)["timewait_sockets", ["role": "server", "peer": "local"]] == 54)
        try scene.remove("thread-self/net/tcp")
        let result = try namespace.run(executable, ["metrics", "--path.procfs=\(scene.path)"])
        #expect(result.status == 1)
        #expect(result.standardError.hasPrefix("timewait_exporter: socket_table: \(scene.path)/thread-self/net/tcp: "))
        #expect(result.standardError.split(separator: "\n").count == 1)
        #expect(MetricsPage(result.standardOutput)["timewait_sampler_success", ["collector": "socket_table"]] == 0)
    }
}
