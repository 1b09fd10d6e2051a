import Foundation

/// Where the programs are that the benchmark runs. Those of others are looked up in PATH.
struct Executables {
    let exporter: String
    let generator: String
    let sockDiagFloor: String
    let procfsFloor: String
    let nodeExporter = "prometheus-node-exporter"
    /// Where .ci/install-packages unpacks it; nil where the mirror of this machine does not have
    /// it.
    let nodeExporterOfDebian13: String?
    let ss = "ss"
    let wrk = "wrk"

    /// - Parameter exporter: the exporter to measure; nil for the one that was built together with
    ///   the benchmark.
    init(exporter: String?) throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") as NSString
        func built(_ name: String) -> String { own.deletingLastPathComponent + "/" + name }
        self.exporter = exporter ?? built("timewait_exporter")
        generator = built("timewait_generator")
        sockDiagFloor = built("sock_diag_floor")
        procfsFloor = built("procfs_floor")
        let unpacked = ".build/debian-13/usr/bin/prometheus-node-exporter"
        nodeExporterOfDebian13 = FileManager.default.isExecutableFile(atPath: unpacked) ? unpacked : nil
        for path in [self.exporter, generator, sockDiagFloor, procfsFloor]
        where !FileManager.default.isExecutableFile(atPath: path) {
            throw BenchmarkError("there is no \(path): swift build makes it")
        }
    }
}
