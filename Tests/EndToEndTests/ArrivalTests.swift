import Foundation
import Namespaces
import Testing

@Suite(
    "New TIME_WAITs",
    .enabled(if: NetworkNamespace.support == nil, why),
    .serialized
)
struct ArrivalTests {
    /// An exporter, and how far from the truth it may be.
    private struct Witness {
        let exporter: RunningExporter
        let name: String
        let tolerance: Double
    }

    @Test(
        "Without reuse, new TIME_WAITs are counted exactly over sock_diag and within 0.1 % over procfs"
    )
    func steady() throws {
        let namespace = try NetworkNamespace()
        try namespace.listen("0.0.0.0", port: 8080)
        try namespace.listen("0.0.0.0", port: 9090)
        // There before the exporters: never counted.
        try namespace.makeTimeWaits(100, .server, port: 8080)
        func witness(_ flags: [String], port: Int, tolerance: Double) throws -> Witness {
            let flags = flags + ["--web.listen-address=:\(port)"]
            let exporter = try RunningExporter(in: namespace, flags, port: port, interval: nil)
            return Witness(exporter: exporter, name: flags.joined(separator: " "), tolerance: tolerance)
        }
        let witnesses = [
            try witness(["--sampler.source=sock_diag", "--sampler.interval=5s"], port: 10_057, tolerance: 0),
            try witness(["--sampler.source=sock_diag", "--sampler.interval=15s"], port: 10_058, tolerance: 0),
            try witness(["--sampler.source=procfs", "--sampler.interval=5s"], port: 10_059, tolerance: 0.001),
        ]
        let before = try kernelEntries(witnesses[0])
        let start = ContinuousClock.now
        for second in 0..<120 {
            try namespace.makeTimeWaits(40, .client, port: 8080)
            try namespace.makeTimeWaits(20, .server, port: 9090)
            let next = start + .seconds(second + 1)
            if ContinuousClock.now < next { usleep(UInt32((next - ContinuousClock.now) / .microseconds(1))) }
        }
        let made = ["8080": 4800.0, "9090": 2400.0]
        for witness in witnesses {
            let page = try witness.exporter.freshPage(within: 40)
            for (port, truth) in made {
                let counted = page.sum("timewait_port_entries_total", ["port": port])
                #expect(abs(counted - truth) <= truth * witness.tolerance, "\(port): \(counted) by \(witness.name)")
            }
            let observed = page.sum("timewait_observed_total")
            #expect(abs(observed - 7200) <= 7200 * witness.tolerance, "\(observed) by \(witness.name)")
            #expect(page["timewait_untracked_sockets"] == 0)
            #expect(page["timewait_entries_total"] == before + 7200)
        }
    }

    private func kernelEntries(_ witness: Witness) throws -> Double {
        try #require(try witness.exporter.freshPage(within: 40)["timewait_entries_total"])
    }

    @Test("With reuse by connect(), the page observes fewer new TIME_WAITs than the kernel counts")
    func reuse() throws {
        let namespace = try NetworkNamespace()
        try namespace.setSysctl("tcp_tw_reuse", "1")
        try namespace.setSysctl("ip_local_port_range", "40000 40019")
        try namespace.listen("127.0.0.1", port: 8080)
        let exporter = try RunningExporter(in: namespace, interval: "2s")
        for _ in 0..<8 {
            try namespace.makeTimeWaits(10, .client, port: 8080)
            usleep(1_100_000)
        }
        let page = try exporter.freshPage()
        let (observed, entries) = (page.sum("timewait_observed_total"), try #require(page["timewait_entries_total"]))
        #expect(entries == 80)
        #expect(observed <= 80 && observed >= 20)
        #expect(try #require(page["timewait_recycled_total"]) >= 80 - observed)
    }
}
