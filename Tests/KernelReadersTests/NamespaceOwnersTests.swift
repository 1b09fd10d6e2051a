import Foundation
import Namespaces
import Testing

@Suite(
    "The owners of a namespace's sockets",
    .enabled(if: NetworkNamespace.support == nil, "\(NetworkNamespace.support ?? "")")
)
struct NamespaceOwnersTests {
    let namespace: NetworkNamespace

    init() throws {
        namespace = try NetworkNamespace()
    }

    /// A line of `owners_reader`.
    private struct Line: Equatable {
        let state: String
        let localPort: Int
        let user: String
        let inode: Int
        let process: Int?
        let name: String
        let options: String
        let isHidden: Bool

        init?(_ text: Substring) {
            let fields = text.split(separator: "\t")
            guard fields.count == 11, let port = Int(fields[1]), let inode = Int(fields[4]) else { return nil }
            (state, localPort, user, self.inode) = (String(fields[0]), port, String(fields[3]), inode)
            (process, name) = (Int(fields[5]), String(fields[6]))
            (options, isHidden) = (String(fields[9]), fields[10] == "hidden")
        }
    }

    /// Runs `owners_reader` in the namespace, behind the words of a program that changes who it is.
    private func owners(
        _ source: String,
        asking: Bool = true,
        as words: [String] = []
    ) throws -> (lines: [Line], optionsAreHidden: Bool) {
        let command = words + [try Executable.built("owners_reader"), source] + (asking ? ["asking"] : [])
        let output = try namespace.output(of: command[0], Array(command.dropFirst()))
        return (output.split(separator: "\n").compactMap(Line.init), output.contains("options_hidden true"))
    }

    @Test(
        "The user, process and inode of every listener agree with ss -tlnpe",
        arguments: ["sock_diag", "procfs"]
    )
    func witness(source: String) throws {
        try namespace.listen(port: 8080)
        try namespace.listen("::1", port: 8081, .init(reuseAddress: false))
        try namespace.listen("0.0.0.0", port: 8082, .init(reusePort: true, reuseAddress: false))
        try namespace.openConnections(5, port: 8080)
        try namespace.makeTimeWaits(20, .client, port: 8080)
        let (lines, _) = try owners(source)
        let listening = lines.filter { $0.state == "listen" }
        let ss = try namespace.output(of: "ss", ["-H", "-tlnpe"]).split(separator: "\n")
        #expect(ss.count == 3 && listening.count == 3)
        for row in ss {
            // LISTEN 0 128 127.0.0.1:8080 0.0.0.0:* users:(("namespace_agent",pid=7,fd=5)) ino:5120
            // sk:1 <->
            let port = try #require(row.firstMatch(of: /:(\d+) +\S+ +users/)?.1)
            let process = try #require(row.firstMatch(of: /pid=(\d+)/)?.1)
            let inode = try #require(row.firstMatch(of: /ino:(\d+)/)?.1)
            // ss prints no user 0.
            let user = row.firstMatch(of: /uid:(\d+)/).map { String($0.1) } ?? "root"
            let line = try #require(listening.first { $0.localPort == Int(port) })
            #expect(line.process == Int(process) && line.inode == Int(inode) && line.user == user)
            #expect(line.name == "namespace_agent")
        }
        #expect(listening.first { $0.localPort == 8080 }?.options == "reuseaddr")
        #expect(listening.first { $0.localPort == 8081 }?.options == "none")
        #expect(listening.first { $0.localPort == 8082 }?.options == "reuseport")
        #expect(lines.count { $0.state == "established" } == 10)
        #expect(!lines.contains { $0.state == "time_wait" })
        #expect(lines.allSatisfy { $0.process == Int(namespace.process) && !$0.isHidden })
        // It is undisturbed.
        try namespace.openConnections(1, port: 8080)
    }

    /// The words in front of a program, with which strace lets its system calls fail.
    private static func injecting(_ fault: String) -> [String] {
        ["strace", "-qq", "-f", "-o", "/dev/null", "-e", "inject=" + fault]
    }

    @Test(
        "Options are reported as hidden when a sandbox or an old kernel refuses pidfd_getfd",
        arguments: ["pidfd_open:error=ENOSYS", "pidfd_getfd:error=ENOSYS", "pidfd_getfd:error=EPERM"]
    )
    func refusedCopy(fault: String) throws {
        try namespace.listen(port: 8080)
        let (lines, optionsAreHidden) = try owners("sock_diag", as: Self.injecting(fault))
        #expect(lines.map(\.options) == ["-"] && lines.map(\.process) == [Int(namespace.process)])
        #expect(optionsAreHidden && lines.allSatisfy { !$0.isHidden })
    }

    @Test("A descriptor closed during the reading does not count as hidden")
    func closedMeanwhile() throws {
        try namespace.listen(port: 8080)
        let (lines, optionsAreHidden) = try owners("sock_diag", as: Self.injecting("pidfd_getfd:error=EBADF"))
        #expect(lines.map(\.options) == ["-"] && !optionsAreHidden)
    }

    @Test("The reader falls back to procfs when the kernel has no sock_diag")
    func noSockDiag() throws {
        try namespace.listen(port: 8080)
        let lines = try owners("sock_diag", as: Self.injecting("socket:error=EAFNOSUPPORT")).lines
        #expect(try lines == owners("procfs").lines && lines.map(\.localPort) == [8080])
    }

    @Test("An orphaned FIN_WAIT2 socket has no owner")
    func orphans() throws {
        try namespace.listen(port: 8080)
        try namespace.openConnections(2, port: 8080)
        try namespace.halfCloseConnections(2)
        for source in ["sock_diag", "procfs"] {
            let orphans = try owners(source).lines.filter { $0.state == "fin_wait2" }
            #expect(orphans.count == 2 && orphans.allSatisfy { $0.inode == 0 && $0.process == nil && !$0.isHidden })
        }
    }

    /// Whoever may not see the agent's descriptors: anybody in a user namespace or a PID namespace
    /// of his own, and another user, with a procfs that shows him the processes of others or does
    /// not.
    private static var others: [[String]] {
        let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        let hiding = ["unshare", "--mount", "sh", "-c", "mount -t proc -o hidepid=2 proc /proc && exec \"$@\"", "sh"]
        return [["unshare", "--user"], ["unshare", "--pid", "--fork", "--mount-proc"]]
            + (geteuid() == 0 ? [user, hiding + user] : [])
    }

    @Test(
        "Another user sees the user of each socket, and what is hidden is reported",
        arguments: others
    )
    func hidden(words: [String]) throws {
        try namespace.listen(port: 8080)
        try namespace.openConnections(1, port: 8080)
        try namespace.openConnections(1, port: 8080)
        try namespace.halfCloseConnections(1)
        for source in ["sock_diag", "procfs"] {
            let (lines, optionsAreHidden) = try owners(source, as: words)
            let owned = lines.filter { $0.inode != 0 }
            #expect(owned.count == 4 && owned.allSatisfy { $0.isHidden && $0.process == nil && $0.options == "-" })
            #expect(lines.filter { $0.inode == 0 }.allSatisfy { !$0.isHidden })
            #expect(optionsAreHidden)
            // A user whom the user namespace does not have is no "nobody".
            #expect(owned.allSatisfy { $0.user == (words == ["unshare", "--user"] ? "65534" : "root") })
            // Who asks for nothing misses nothing.
            #expect(try !owners(source, asking: false, as: words).optionsAreHidden)
        }
    }
}
