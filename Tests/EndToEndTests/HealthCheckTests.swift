import Foundation
import Namespaces
import Testing

@Suite("--web.healthcheck", .enabled(if: NetworkNamespace.support == nil, why), .serialized)
struct HealthCheckTests {
    let namespace: NetworkNamespace
    let executable: String

    init() throws {
        namespace = try NetworkNamespace()
        executable = try Executable.built("timewait_exporter")
    }

    private func check(_ address: String? = nil) throws -> (status: Int32?, output: String, error: String) {
        let flags = ["--web.healthcheck"] + (address.map { ["--web.listen-address=\($0)"] } ?? [])
        let result = try namespace.run(executable, flags)
        return (result.status, result.standardOutput, result.standardError)
    }

    @Test(
        "The health check of a running exporter ends with status 0 and leaves no counted TIME_WAIT"
    )
    func healthy() throws {
        let exporter = try RunningExporter(in: namespace)
        for address in [nil, ":10057", "127.0.0.1:10057", "[::1]:10057", "localhost:10057"] {
            let result = try check(address)
            #expect(result.status == 0)
            #expect(result.output == "healthy: \(address ?? ":10057") answers\n")
            #expect(result.error.isEmpty)
        }
        #expect(try namespace.sockets(.timeWait).isEmpty)
        exporter.program.terminate()
    }

    @Test("The health check ends with status 1 and a reason when nothing listens or answers")
    func unhealthy() throws {
        let nobody = try check("127.0.0.1:10057")
        #expect(nobody.status == 1)
        #expect(
            nobody.error == "timewait_exporter: unhealthy: 127.0.0.1:10057 takes no connection: Connection refused\n"
        )
        // The kernel takes the connection; no program does.
        try namespace.listen("127.0.0.1", port: 10_057)
        let silent = try check("127.0.0.1:10057")
        #expect(silent.status == 1)
        #expect(silent.error == "timewait_exporter: unhealthy: 127.0.0.1:10057 has not answered after 3.0 seconds\n")
    }

    @Test("The health check of a suspended exporter ends with status 1")
    func stopped() throws {
        let exporter = try RunningExporter(in: namespace)
        exporter.program.signal(SIGSTOP)
        #expect(try check().status == 1)
        exporter.program.signal(SIGCONT)
        #expect(try check().status == 0)
    }
}
