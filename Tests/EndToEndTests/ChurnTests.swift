import Namespaces
import Testing

@Suite(
    "A socket table that changes",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct ChurnTests {
    @Test("A sock_diag dump of 300,000 sockets under churn neither loses nor repeats a socket")
    func churn() throws {
        let namespace = try NetworkNamespace()
        try namespace.output(of: "ip", ["route", "add", "local", "10.0.0.0/8", "dev", "lo"])
        try namespace.setSysctl("tcp_max_tw_buckets", "1000000")
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.listen("0.0.0.0", port: 9090)
        try namespace.scatterTimeWaits(300_000, port: 8080)
        #expect(try namespace.sockets().count >= 300_000)
        let reader = try namespace.start(try Executable.built("dump_reader"), ["30", "8080"])
        try namespace.scatterTimeWaits(60_000, port: 9090, rate: 5000)
        #expect(try reader.waitForExit(.seconds(60)) == .exited(0))
        let dumps = reader.standardOutput.split(separator: "\n")
        #expect(dumps == Array(repeating: "300000 0 0", count: 30))
    }
}
