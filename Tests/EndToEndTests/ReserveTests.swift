import Foundation
import Namespaces
import Testing

/// `sysctl` and the kernel judge what is printed. The files of sysctl.d are those of a mount
/// namespace.
@Suite("The reserve subcommand", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct ReserveTests {
    let namespace: NetworkNamespace
    let executable: String

    init() throws {
        namespace = try NetworkNamespace()
        executable = try Executable.built("timewait_exporter")
    }

    /// Runs a script in which `timewait_exporter` and `sudo` are commands, and sysctl.d's folders
    /// are empty.
    private func run(_ script: String) throws -> FinishedProgram {
        let folder = URL(filePath: executable).deletingLastPathComponent().path(percentEncoded: false)
        let setup = """
            set -eu
            for folder in /etc/sysctl.d /usr/lib/sysctl.d /run /mnt; do mount -t tmpfs none $folder; done
            [ ! -e /etc/sysctl.conf ] || mount --bind /dev/null /etc/sysctl.conf
            [ ! -d /lib/sysctl.d ] || [ -L /lib ] || mount -t tmpfs none /lib/sysctl.d
            cd /mnt
            mkdir bin work /run/sysctl.d
            printf '#!/bin/sh\\nexec "$@"\\n' >bin/sudo
            chmod +x bin/sudo
            PATH=/mnt/bin:\(folder):$PATH:/usr/sbin:/sbin
            cd work

            """
        return try namespace.run("unshare", ["--mount", "sh", "-c", setup + script])
    }

    private func kernelList() throws -> String {
        try namespace.output(of: "cat", ["/proc/sys/net/ipv4/ip_local_reserved_ports"])
    }

    @Test("The printed commands run as printed, and --check confirms their result")
    func commands() throws {
        try namespace.setSysctl("ip_local_reserved_ports", "8080-8088,50061")
        for port in [80, 40_000, 40_001, 40_003] { try namespace.listen("127.0.0.1", port: port) }
        try namespace.listen("::1", port: 50_051)
        let before = try run("timewait_exporter reserve --check --ports=45000,51820/udp")
        #expect(before.status == 1)
        #expect(before.standardError.isEmpty)
        #expect(before.standardOutput.contains("\n+ 40000-40001  "))
        #expect(before.standardOutput.contains("6 ports are not reserved that should be: 40000-40001,40003,45000,"))
        #expect(before.standardOutput.contains("Not in a file: 8080-8088,50061; they are lost at the next boot.\n"))
        let printed = before.standardOutput.split(separator: "\n").filter {
            $0.hasPrefix("  timewait_exporter") || $0.hasPrefix("  sudo")
        }
        #expect(printed.count == 3)
        let after = try run(
            """
            \(printed.joined(separator: "\n"))
            timewait_exporter reserve --check --ports=45000,51820/udp
            """
        )
        #expect(after.status == 0)
        #expect(after.standardError.hasPrefix("6 ports added; 28,225 of 28,232 ports of the range stay.\n"))
        let list = "8080-8088,40000-40001,40003,45000,50051,50061,51820"
        #expect(try kernelList() == list + "\n")
        #expect(
            after.standardOutput == """
                net.ipv4.ip_local_reserved_ports = \(list)
                All 4 listening ports in 32768-60999 are reserved. The ports of --ports are reserved.

                """
        )
        let lost = try run("timewait_exporter reserve --check")
        #expect(lost.status == 0)
        #expect(lost.standardOutput.contains("\nNot in a file: \(list); they are lost at the next boot.\n"))
    }

    @Test("The output names the listening process or unit")
    func names() throws {
        let server = "import socket, time; s = socket.create_server(('127.0.0.1', 40000)); time.sleep(60)"
        let program = try namespace.start("python3", ["-c", server])
        try namespace.waitForListener(port: 40_000)
        let result = try namespace.run(executable, ["reserve"])
        // In a machine whose tests run as a service that has the name.
        #expect(try /# 40000 +(python3\S*|\S+\.service) +added\n/.firstMatch(in: result.standardOutput) != nil)
        program.terminate()
    }

    @Test("The reserve subcommand finds the same listeners over procfs as over sock_diag")
    func procfs() throws {
        try namespace.listen("127.0.0.1", port: 40_000)
        try namespace.listen("::", port: 40_002)
        let list = { (source: String) in
            try namespace.output(of: executable, ["reserve", "--sampler.source=\(source)"]).split(separator: "\n").last
        }
        #expect(try list("procfs") == "net.ipv4.ip_local_reserved_ports = 40000,40002")
        #expect(try list("procfs") == list("sock_diag"))
    }

    @Test("--all-services reserves every listening port except those of --ports.exclude")
    func choice() throws {
        for port in [80, 40_000, 40_001] { try namespace.listen("127.0.0.1", port: port) }
        let file = try namespace.output(
            of: executable,
            ["reserve", "--all-services", "--ports.exclude=40001"]
        )
        #expect(file.hasSuffix("net.ipv4.ip_local_reserved_ports = 80,40000\n"))
    }

    @Test("A refusal leaves the old file unchanged and prints its reason in one line")
    func refusals() throws {
        try namespace.setSysctl("ip_local_port_range", "40000 40009")
        let refusals = [
            ("", "there is nothing to reserve: nothing listens in 40000-40009, and no port is reserved now"),
            (
                "--ports=40000-40005",
                "6 ports would be reserved of 10, which leaves 4; at least half of the range has to stay"
            ),
            (
                "--ports=$(seq -s, 1001 2 3001)",
                "the list has 5,004 bytes as ranges; one write() takes 4,094 and a newline: reserve fewer ports, or neighbours"
            ),
        ]
        for (flags, message) in refusals {
            let result = try run(
                """
                echo old >/etc/sysctl.d/60-reserved-ports.conf
                timewait_exporter reserve \(flags) >60-reserved-ports.conf &&
                sudo install -m 644 60-reserved-ports.conf /etc/sysctl.d/ &&
                sudo sysctl -p /etc/sysctl.d/60-reserved-ports.conf || echo "status $?"
                cat 60-reserved-ports.conf /etc/sysctl.d/60-reserved-ports.conf
                """
            )
            #expect(result.standardOutput == "status 1\nold\n")
            #expect(result.standardError == "timewait_exporter: \(message)\n")
        }
        #expect(try kernelList() == "\n")
    }

    @Test("The longest list that one write() can set is accepted completely by the kernel")
    func longest() throws {
        // Four digits and a comma each, but for the last.
        let ports = (0..<819).map { String(1001 + 2 * $0) }.joined(separator: ",")
        #expect(ports.utf8.count == 4094)
        let script = """
            timewait_exporter reserve --ports=\(ports) >60-reserved-ports.conf && sysctl -q -p 60-reserved-ports.conf
            """
        let result = try run(script)
        #expect(result.status == 0)
        #expect(try kernelList() == ports + "\n")
        // Of one byte more the kernel would drop the last port without an error.
        let longer = try run("timewait_exporter reserve --ports=\(ports.dropLast(4))10001")
        #expect(longer.status == 1 && longer.standardOutput.isEmpty)
    }

    @Test(
        "The reserve subcommand warns of a file that sets the list later, as the next boot would read it"
    )
    func files() throws {
        try namespace.listen("127.0.0.1", port: 40_000)
        try namespace.setSysctl("ip_local_reserved_ports", "40000,40002")
        let result = try run(
            """
            echo 'net/ipv4/ip_local_reserved_ports=40000' >/etc/sysctl.d/70-b.conf
            echo 'net.ipv4.ip_local_reserved_ports=40002' >/run/sysctl.d/70-b.conf
            echo '-net.ipv4.ip_local_reserved_ports = 40002' >/usr/lib/sysctl.d/50-a.conf
            ln -s /dev/null /etc/sysctl.d/80-masked.conf
            echo 'net.ipv4.ip_local_reserved_ports=1' >/usr/lib/sysctl.d/80-masked.conf
            echo 'net.ipv4.ip_local_reserved_ports=80 90' >/run/sysctl.d/90-bad.conf
            mkfifo /run/sysctl.d/91-pipe.conf
            mkdir /run/sysctl.d/92-folder.conf
            timewait_exporter reserve >/dev/null
            timewait_exporter reserve --check
            """
        )
        #expect(result.status == 0)
        let bad = "byte 2: expected ',' or '-' or the end of the list"
        let warnings = result.standardError.split(separator: "\n").filter { $0.hasPrefix("Warning") }
        #expect(
            warnings == [
                "Warning: /etc/sysctl.d/70-b.conf sets the same key and is read later.",
                "Warning: /run/sysctl.d/90-bad.conf sets the same key and is read later.",
                "Warning: /run/sysctl.d/92-folder.conf: cannot read it: Is a directory",
                "Warning: /run/sysctl.d/90-bad.conf:1: this is no list of ports: \(bad)",
            ]
        )
        #expect(
            result.standardOutput.contains(
                "Only in a file that /etc/sysctl.d/70-b.conf:1 replaces: 40002; it is lost at the next boot.\n"
            )
        )
    }

    @Test("/etc/sysctl.conf is read last, and once when a link leads to it")
    func lastFile() throws {
        try namespace.setSysctl("ip_local_reserved_ports", "40000")
        let result = try run(
            """
            echo 'net.ipv4.ip_local_reserved_ports=40000' >/mnt/sysctl.conf
            [ -e /etc/sysctl.conf ] || exit 9
            mount --bind /mnt/sysctl.conf /etc/sysctl.conf
            timewait_exporter reserve >/dev/null
            ln -s ../sysctl.conf /etc/sysctl.d/99-sysctl.conf
            timewait_exporter reserve >/dev/null
            """
        )
        // Without the file there is no place to mount it.
        guard result.status != 9 else { return }
        let warnings = result.standardError.split(separator: "\n").filter { $0.hasPrefix("Warning") }
        #expect(
            warnings == [
                "Warning: /etc/sysctl.conf sets the same key and is read later.",
                "Warning: /etc/sysctl.d/99-sysctl.conf sets the same key and is read later.",
            ]
        )
    }

    @Test("A failed write to standard output is reported with status 1")
    func fullDisk() throws {
        let result = try run("timewait_exporter reserve --ports=40000 >/dev/full")
        #expect(result.status == 1)
        #expect(
            result.standardError == "timewait_exporter: cannot write to standard output: No space left on device\n"
        )
    }
}
