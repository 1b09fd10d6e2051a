import Glibc
import Testing

@testable import Namespaces

/// Programs in the namespace, and their ends.
@Suite("Programs in a namespace", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct ProgramTests {
    @Test("A finished program returns its output and its status")
    func run() throws {
        let namespace = try NetworkNamespace()
        let finished = try namespace.run("sh", ["-c", "cat /proc/self/net/route; ip -brief link; echo oh >&2; exit 3"])
        #expect(finished.ending == .exited(3))
        #expect(finished.standardOutput.contains("lo  "))
        #expect(!finished.standardOutput.contains("eth"))
        #expect(finished.standardError == "oh\n")
    }

    @Test("A long output is returned completely")
    func longOutput() throws {
        let namespace = try NetworkNamespace()
        #expect(try namespace.output(of: "seq", ["200000"]).utf8.count == 1_288_895)
    }

    @Test("A running program receives SIGTERM when it is terminated")
    func terminate() throws {
        let namespace = try NetworkNamespace()
        let script = "trap 'echo bye >&2; exit 7' TERM; echo here; while :; do sleep 0.01; done"
        let program = try namespace.start("sh", ["-c", script])
        while program.standardOutput.isEmpty { usleep(1_000) }
        #expect(!program.hasEnded)
        program.terminate()
        #expect(try program.waitForExit() == .exited(7))
        #expect(program.standardError == "bye\n")
    }

    @Test("A program starts with no signal blocked, though the tests' threads block most of them")
    func signalMask() throws {
        let namespace = try NetworkNamespace()
        let blocked = try namespace.output(of: "grep", ["SigBlk", "/proc/self/status"])
        #expect(blocked == "SigBlk:\t0000000000000000\n")
    }

    @Test("A program that exceeds its time causes an error and is killed when the test releases it")
    func letGo() throws {
        let namespace = try NetworkNamespace()
        var program: RunningProgram? = try namespace.start("sleep", ["100"])
        let process = try #require(program?.process)
        #expect(throws: NamespaceError.self) { try program?.waitForExit(.milliseconds(10)) }
        #expect(kill(process, 0) == 0)
        program = nil
        #expect(kill(process, 0) == -1)
    }

    @Test("A missing program ends with status 127")
    func missing() throws {
        let namespace = try NetworkNamespace()
        #expect(try namespace.run("/no/such/program").status == 127)
        #expect(throws: NamespaceError.self) { try namespace.output(of: "false") }
    }

    @Test("An executable that is not built causes an error")
    func notBuilt() throws {
        #expect(try Executable.built("namespace_agent").hasSuffix("/namespace_agent"))
        #expect(throws: NamespaceError.self) { try Executable.built("no_such_program") }
    }
}
