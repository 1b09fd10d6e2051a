import Glibc
import Testing

@testable import Namespaces

/// The life of a namespace.
@Suite(
    "A namespace and its holder",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct HolderTests {
    @Test("The holder ends with the namespace object")
    func ends() throws {
        var namespace: NetworkNamespace? = try NetworkNamespace()
        let process = try #require(namespace?.process)
        #expect(kill(process, 0) == 0)
        namespace = nil
        #expect(kill(process, 0) == -1)
    }

    @Test("The agent and the processes that it guards end when its input is closed")
    func endOfInput() throws {
        var channel: AgentChannel? = try AgentChannel()
        let end = try #require(channel?.agentEnd)
        let agent = try RunningProgram([Executable.built("namespace_agent")], name: "namespace_agent", channel: end)
        channel?.handedOver()
        let sleeper = try RunningProgram(["sleep", "100"], name: "sleep")
        let freed = try RunningProgram(["sleep", "100"], name: "sleep")
        for command in ["guard \(sleeper.process)", "guard \(freed.process)", "unguard \(freed.process)"] {
            try channel?.send(command)
            #expect(try channel?.answer(to: command) == "")
        }
        #expect(!agent.hasEnded)
        // What the death of the test's process does.
        channel = nil
        #expect(try agent.waitForExit() == .exited(0))
        #expect(try sleeper.waitForExit() == .signaled(SIGKILL))
        #expect(!freed.hasEnded)
    }

    @Test("Namespaces do not share sockets")
    func apart() throws {
        let first = try NetworkNamespace()
        let second = try NetworkNamespace()
        try first.listen(port: 8080)
        try second.listen(port: 8080)
        try first.makeTimeWaits(3, .client, port: 8080)
        #expect(try first.sockets().count == 4)
        #expect(try second.sockets().count == 1)
    }

    @Test("A new namespace does not reuse TIME_WAITs")
    func defaults() throws {
        let namespace = try NetworkNamespace()
        #expect(try namespace.output(of: "cat", ["/proc/sys/net/ipv4/tcp_tw_reuse"]) == "0\n")
    }

    @Test("A list of reserved ports may exceed the length of one write()")
    func longSysctl() throws {
        let namespace = try NetworkNamespace()
        let list = stride(from: 20_000, to: 60_000, by: 2).map(String.init).joined(separator: ",")
        try namespace.setSysctl("ip_local_reserved_ports", list)
        #expect(try namespace.output(of: "cat", ["/proc/sys/net/ipv4/ip_local_reserved_ports"]) == list + "\n")
        try namespace.setSysctl("ip_local_reserved_ports", "")
        #expect(try namespace.output(of: "cat", ["/proc/sys/net/ipv4/ip_local_reserved_ports"]) == "\n")
        #expect(throws: NamespaceError.self) { try namespace.setSysctl("ip_local_reserved_ports", "nonsense") }
    }

    @Test("Waiting for a listener adds no socket, and times out if there is no listener")
    func waitForListener() throws {
        let namespace = try NetworkNamespace()
        try namespace.listen("127.0.0.1", port: 8080)
        try namespace.listen("::", port: 8081)
        try namespace.waitForListener("127.0.0.1", port: 8080)
        try namespace.waitForListener("::", port: 8081)
        try namespace.waitForListener(port: 8080)
        for (address, port) in [("0.0.0.0", 8080), ("*", 8082)] {
            #expect(throws: NamespaceError.self) {
                try namespace.waitForListener(address, port: port, timeout: .milliseconds(20))
            }
        }
        #expect(try namespace.sockets().count == 2)
    }
}
