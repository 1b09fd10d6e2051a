/// prometheus-node-exporter with a single collector.
final class RunningNodeExporter {
    private let child: Child
    let port: UInt16

    init(_ program: String, collector: String, port: UInt16) throws {
        self.port = port
        child = try Child([
            program,
            "--web.listen-address=127.0.0.1:\(port)",
            "--web.disable-exporter-metrics",
            "--collector.disable-defaults",
            "--collector.\(collector)",
            "--log.level=error",
        ])
        try Waiting.until("node_exporter listens on port \(port)", within: 30) {
            (try? HTTPConnection(port: port).get("/metrics")) ?? nil != nil
        }
    }

    /// Its files in procfs.
    var files: ProcessFiles { ProcessFiles(process: child.process) }
}
