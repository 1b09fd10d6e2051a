import Model
import Testing

@testable import Advice

@Suite("The list of reserved ports")
struct ReservedPortsTests {
    @Test("The list joins the reserved ports and the exposed LISTEN ports and names each service")
    func file() throws {
        var facts = try machine(
            reserved: "8080-8088,50061,50070-50079",
            listening: "22,40400,47003,50051-50052,50061"
        )
        facts.names = [
            40_400: "flags.service", 47_003: "thumbnails.service", 50_051: "payments.service", 50_052: "ledger.service",
            50_061: "quotes.service",
        ]
        let plan = ReservedPorts(facts, try request("50051"))
        #expect(plan.refusal == nil)
        #expect(plan.missing.listText == "40400,47003,50051-50052")
        let file = plan.file(host: "web-1", date: "2026-11-26", version: "0.2.0")
        #expect(
            file == """
                # ip_local_reserved_ports of web-1, 2026-11-26, by timewait_exporter 0.2.0
                # The kernel has one list and a write replaces it: this is the whole list.
                #
                # 8080-8088    out of the range      reserved before, no use
                # 40400        flags.service         added
                # 47003        thumbnails.service    added
                # 50051        payments.service      added, asked for by --ports
                # 50052        ledger.service        added
                # 50061        quotes.service        reserved before
                # 50070-50079  nothing listens       reserved before
                net.ipv4.ip_local_reserved_ports = 8080-8088,40400,47003,50051-50052,50061,50070-50079

                """
        )
        #expect(
            plan.advice(command: nil, files: ReservedPortsFiles()) == """
                4 ports added; 28,217 of 28,232 ports of the range stay.
                To apply:
                  sudo install -m 644 60-reserved-ports.conf /etc/sysctl.d/ &&
                  sudo sysctl -p /etc/sysctl.d/60-reserved-ports.conf
                Note: bind() to port 0 gives odd ports here. If it gave 47003, leave them out:
                  --ports.exclude=47003
                Containers and pods: their network namespaces start with an empty list. Use
                --sysctl of docker run, or securityContext.sysctls of the pod.

                """
        )
    }

    @Test("The advice on a terminal writes the file in a way that keeps the old one on refusal")
    func terminal() throws {
        let plan = ReservedPorts(try machine(listening: "40000"), ReservedPorts.Request())
        let advice = plan.advice(command: "timewait_exporter reserve", files: ReservedPortsFiles())
        #expect(advice.contains("\n  timewait_exporter reserve > 60-reserved-ports.conf &&\n  sudo install -m 644 60-"))
    }

    @Test("The list leaves out excluded ports unless they are reserved or requested")
    func exclusion() throws {
        var request = try request("40002")
        request.excluded = try ports("40001-40003")
        let plan = ReservedPorts(try machine(reserved: "40003", listening: "40000-40004"), request)
        #expect(plan.missing.listText == "40000,40002,40004")
        #expect(plan.all.listText == "40000,40002-40004")
    }

    @Test("The list includes LISTEN ports outside the range if all are requested")
    func allServices() throws {
        var facts = try machine(listening: "22,80,40000")
        facts.names = [22: "ssh.service"]
        #expect(ReservedPorts(facts, ReservedPorts.Request()).all.listText == "40000")
        var request = ReservedPorts.Request()
        request.takesAllListening = true
        let plan = ReservedPorts(facts, request)
        #expect(plan.all.listText == "22,80,40000")
        let file = plan.file(host: "h", date: "d", version: "v")
        #expect(file.contains("\n# 22           ssh.service           added, out of the range\n"))
        // What is wanted outside of the range is worth no warning.
        #expect(!plan.advice(command: nil, files: ReservedPortsFiles()).contains("Warning"))
    }

    @Test("The advice warns of requested ports outside the range")
    func outside() throws {
        let one = ReservedPorts(try machine(), try request("8080"))
        #expect(one.file(host: "h", date: "d", version: "v").contains("added, asked for by --ports, no use\n"))
        #expect(
            one.advice(command: nil, files: ReservedPortsFiles()).contains(
                "Warning: 8080 lies outside of the range 32768-60999: no outgoing connection takes it anyway.\n"
            )
        )
        let two = ReservedPorts(try machine(), try request("8080,9000-9001,40000"))
        #expect(two.advice(command: nil, files: ReservedPortsFiles()).contains("Warning: 8080, 9000-9001 lie outside"))
    }

    @Test("The file names a UDP socket as the user of a port without a listener")
    func udp() throws {
        var facts = try machine(reserved: "40000-40001")
        facts.udp = try ports("40001")
        let file = ReservedPorts(facts, ReservedPorts.Request()).file(host: "h", date: "d", version: "v")
        #expect(file.contains("# 40000        nothing listens    reserved before\n# 40001        a UDP socket "))
    }

    @Test("The advice notes unrequested ports of the parity that bind() to port 0 gives")
    func parity() throws {
        let even = try machine(range: "32769-60999", listening: "40000,40001")
        let note = ReservedPorts(even, ReservedPorts.Request()).advice(command: nil, files: ReservedPortsFiles())
        #expect(note.contains("gives even ports here. If it gave 40000, leave them out:"))
        let asked = ReservedPorts(try machine(listening: "40001"), try request("40001"))
        #expect(!asked.advice(command: nil, files: ReservedPortsFiles()).contains("Note:"))
    }

    @Test("The file escapes the names of services and cuts them at 40 characters")
    func names() throws {
        var facts = try machine(listening: "40000-40002")
        facts.names = [40_000: "x\nnet.ipv4.tcp_tw_reuse = 1", 40_001: String(repeating: "y", count: 100)]
        let file = ReservedPorts(facts, ReservedPorts.Request()).file(host: "h\n1", date: "d", version: "v")
        #expect(file.split(separator: "\n").filter { !$0.hasPrefix("#") }.count == 1)
        #expect(file.contains("x\\x0anet.ipv4.tcp_tw_reuse = 1 ") && file.contains("of h\\x0a1,"))
        #expect(!file.contains(String(repeating: "y", count: 41)))
        #expect(file.contains("# 40002        an unknown service "))
    }

    @Test("The file names a service by its unit, or else its command, or else its user")
    func owners() throws {
        let address = IPAddress(127, 0, 0, 1)
        var owners = SocketOwners()
        for (port, inode) in [(40_000, 1), (40_002, 2), (40_004, 3), (40_006, 4), (40_006, 1)] as [(Port, UInt64)] {
            let row = SocketRow(
                localAddress: address,
                localPort: port,
                remoteAddress: address,
                remotePort: 0,
                state: .listen
            )
            owners.sockets.append(OwnedSocket(row: row, user: 1000 + UInt32(inode), inode: inode))
        }
        owners.processes = [
            1: SocketProcess(pid: 1, name: "a", unit: "a.service"),
            2: SocketProcess(pid: 2, name: "b", unit: "session-1.scope"),
        ]
        owners.userNames = [1003: "carol"]
        var facts = try machine(listening: "40000,40002,40004,40006")
        facts.note(owners)
        let names: [Port: String] = [
            40_000: "a.service", 40_002: "b", 40_004: "user carol", 40_006: "a.service, user 1004",
        ]
        #expect(facts.names == names)
        let advice = ReservedPorts(facts, ReservedPorts.Request()).advice(command: nil, files: ReservedPortsFiles())
        #expect(advice.contains("Note: 2 services go by the name of the user; root sees the programs.\n"))
    }

    @Test("The list is refused if fewer than half of the ports of the range would stay")
    func tooFew() throws {
        let half = ReservedPorts(try machine(range: "40000-40009"), try request("40000-40004,50000-60000"))
        #expect(half.refusal == nil)
        let more = ReservedPorts(try machine(range: "40000-40009", reserved: "40009"), try request("40000-40004"))
        #expect(
            more.refusal?.description
                == "6 ports would be reserved of 10, which leaves 4; at least half of the range has to stay"
        )
        #expect(
            ReservedPorts(try machine(), try request("33000-52999")).refusal
                == .tooFewStay(reserved: 20_000, range: 28_232)
        )
    }

    @Test("The list is refused if it exceeds one write() to the sysctl")
    func tooLong() throws {
        // Six bytes each, but for the first comma.
        var request = ReservedPorts.Request()
        for number in 0..<682 { request.ports.insert(Port(33_000 + 2 * number)) }
        let plan = ReservedPorts(try machine(), request)
        #expect(plan.all.listText.utf8.count == 4091 && plan.refusal == nil)
        request.ports.insert(10)
        #expect(ReservedPorts(try machine(), request).refusal == nil)
        // sysctl ends it with a newline, the 4,096th byte, for which the kernel drops the last
        // port.
        request.ports = request.ports.subtracting(PortSet(PortRange(10)))
        request.ports.insert(100)
        #expect(ReservedPorts(try machine(), request).refusal == .tooLong(bytes: 4095))
        #expect(
            "\(ReservedPorts.Refusal.tooLong(bytes: 4212))"
                == "the list has 4,212 bytes as ranges; one write() takes 4,094 and a newline: reserve fewer ports, or neighbours"
        )
    }

    @Test("The list is refused if it is empty")
    func nothing() throws {
        let plan = ReservedPorts(try machine(listening: "80"), ReservedPorts.Request())
        #expect(plan.refusal == .nothing(try machine().range.ports))
    }

    @Test(
        "The check of the list prints each missing port, its service and the command to reserve it"
    )
    func lacking() throws {
        var facts = try machine(reserved: "8080-8088,50061,50070-50079", listening: "40400,47003,50052,50061")
        facts.names = [40_400: "flags.service", 50_061: "quotes.service"]
        let plan = ReservedPorts(facts, ReservedPorts.Request())
        let files = ReservedPortsFiles([setting("/etc/sysctl.d/60-reserved-ports.conf", "8080-8088,50061,50070-50079")])
        #expect(
            plan.check(command: "timewait_exporter reserve", files: files) == """
                  8080-8088    out of the range, no use
                + 40400        flags.service
                + 47003        an unknown service
                + 50052        an unknown service
                  50061        quotes.service
                  50070-50079  nothing listens

                3 ports are not reserved that should be: 40400,47003,50052
                To reserve them:
                  timewait_exporter reserve > 60-reserved-ports.conf &&
                  sudo install -m 644 60-reserved-ports.conf /etc/sysctl.d/ &&
                  sudo sysctl -p /etc/sysctl.d/60-reserved-ports.conf

                """
        )
    }

    @Test("The check of the list prints reserved ports that no file sets")
    func whole() throws {
        let facts = try machine(reserved: "40000-40004", listening: "80,40000-40004")
        func check(_ request: ReservedPorts.Request, _ files: [ReservedPortsFiles.Setting]) -> String {
            ReservedPorts(facts, request).check(command: "c", files: ReservedPortsFiles(files))
        }
        let all = "All 5 listening ports in 32768-60999 are reserved.\n"
        #expect(
            check(ReservedPorts.Request(), [setting("/etc/sysctl.d/60-reserved-ports.conf", "40000-40003")])
                == all + "Not in a file: 40004; it is lost at the next boot.\n"
        )
        #expect(
            check(ReservedPorts.Request(), []) == all + "Not in a file: 40000-40004; they are lost at the next boot.\n"
        )
        let files = [
            setting("/etc/sysctl.d/10-a.conf", "40000-40004"), setting("/etc/sysctl.d/20-b.conf", "40000,41000"),
        ]
        #expect(
            check(ReservedPorts.Request(), files) == all + """
                Only in a file that /etc/sysctl.d/20-b.conf:1 replaces: 40001-40004; they are lost at the next boot.
                In /etc/sysctl.d/20-b.conf:1 and not in force: 41000.

                """
        )
        let asked = check(try request("40001"), [setting("/etc/sysctl.d/20-b.conf", "40000-40004")])
        #expect(asked == "All 5 listening ports in 32768-60999 are reserved. The ports of --ports are reserved.\n")
    }
}

@Suite("The sysctl files that set the reserved ports")
struct ReservedPortsFilesTests {
    @Test(
        "Files are read by name, and a folder of higher priority hides a file of the same name"
    )
    func order() {
        let names = [
            ["99-sysctl.conf", "README", "60-b.conf"], ["60-b.conf", "10-a.conf"], [], ["60-b.conf", "70-c.conf"],
            ["70-c.conf"],
        ]
        #expect(
            ReservedPortsFiles.order(names) == [
                "/run/sysctl.d/10-a.conf", "/etc/sysctl.d/60-b.conf", "/usr/lib/sysctl.d/70-c.conf",
                "/etc/sysctl.d/99-sysctl.conf",
            ]
        )
    }

    @Test(
        "A line sets the key with dots or slashes, with or without spaces and a leading dash",
        arguments: [
            "net.ipv4.ip_local_reserved_ports=8080", "net/ipv4/ip_local_reserved_ports = 8080",
            "  -net.ipv4.ip_local_reserved_ports\t=\t8080  ", "- net.ipv4.ip_local_reserved_ports = 8080\r",
        ]
    )
    func keys(line: String) {
        let text = "# a comment\n; another\n\nnet.ipv4.ip_forward = 1\n\(line)\nkernel.panic=1"
        let expected = ReservedPortsFiles.Setting(path: "/p", line: 5, value: "8080")
        #expect(ReservedPortsFiles.settings(in: Array(text.utf8), path: "/p") == [expected])
    }

    @Test(
        "A comment or another key does not set the reserved ports",
        arguments: [
            "#net.ipv4.ip_local_reserved_ports=8080", ";net.ipv4.ip_local_reserved_ports=8080",
            "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_local_port_range=1 2", "-net.ipv4.ip_local_reserved_ports",
            "net.ipv4.ip_local_reserved_ports2=1", "", "=", "-",
        ]
    )
    func noKeys(line: String) {
        #expect(ReservedPortsFiles.settings(in: Array(line.utf8), path: "/p").isEmpty)
    }

    @Test("The advice names files that are read after the printed one")
    func later() {
        let files = ReservedPortsFiles([
            setting("/etc/sysctl.d/50-a.conf", "1"), setting("/run/sysctl.d/60-reserved-ports.conf", "1"),
            setting("/run/sysctl.d/60-sysctl.conf", "1"), setting("/etc/sysctl.d/99-local.conf", "1"),
            setting("/etc/sysctl.d/99-local.conf", "2"), setting("/etc/sysctl.conf", "1"),
        ])
        #expect(
            files.laterFiles == ["/run/sysctl.d/60-sysctl.conf", "/etc/sysctl.d/99-local.conf", "/etc/sysctl.conf"]
        )
    }

    @Test("The check and the advice warn of a file with a malformed list of ports")
    func nonsense() throws {
        let files = ReservedPortsFiles([setting("/etc/sysctl.d/a.conf", "80 90")], problems: ["/etc/x: no"])
        let problem =
            "/etc/sysctl.d/a.conf:1: this is no list of ports: byte 2: expected ',' or '-' or the end of the list"
        #expect(files.problems == ["/etc/x: no", problem])
        let plan = ReservedPorts(try machine(reserved: "40000", listening: "40000"), ReservedPorts.Request())
        #expect(plan.check(command: "c", files: files).contains("Warning: \(problem)\nNot in a file: 40000;"))
        #expect(plan.advice(command: nil, files: files).contains("Warning: \(problem)\n"))
    }
}

private func ports(_ list: String) throws -> PortSet { try PortSet(list: Array(list.utf8).span) }

/// A machine by the lists of its ports.
private func machine(
    range: String = "32768-60999",
    reserved: String = "",
    listening: String = ""
) throws -> ReservedPorts.Facts {
    let range = try #require(try ports(range).ranges.first)
    let ephemeral = EphemeralRange(ports: range, reserved: try ports(reserved))
    return ReservedPorts.Facts(range: ephemeral, listening: try ports(listening))
}

private func request(_ list: String) throws -> ReservedPorts.Request {
    var request = ReservedPorts.Request()
    request.ports = try ports(list)
    return request
}

private func setting(_ path: String, _ value: String) -> ReservedPortsFiles.Setting {
    ReservedPortsFiles.Setting(path: path, line: 1, value: value)
}
