import Foundation
import Namespaces

/// The real exporter, running inside a namespace.
struct RunningExporter {
    /// Its process.
    let program: RunningProgram
    private let namespace: NetworkNamespace
    private let port: Int

    /// Starts the exporter and waits until it is ready. It may take all the time it needs: tests
    /// want the interval that they ask for, on a busy machine and built for debugging too.
    ///
    /// From then on it is scraped over a connection whose port the kernel chose. A test that wants
    /// a port of ip_local_port_range for itself takes it before, or takes one that connect() does
    /// not give: one without the parity of the range's low end, as long as there are others.
    ///
    /// - Parameter interval: the flag of that name; nil where the flags hold it.
    init(
        in namespace: NetworkNamespace,
        _ flags: [String] = [],
        port: Int = 10_057,
        interval: String? = "1s"
    ) throws {
        self.namespace = namespace
        self.port = port
        let executable = try Executable.built("timewait_exporter")
        program = try namespace.start(
            executable,
            ["--sampler.cpu-limit=100"] + (interval.map { ["--sampler.interval=\($0)"] } ?? []) + flags
        )
        try namespace.waitForListener(port: port)
        try poll("the exporter is ready") { try namespace.get("/-/ready", port: port).status == 200 }
    }

    /// The page, as it is.
    func page(path: String = "/metrics") throws -> MetricsPage {
        MetricsPage(try namespace.get(path, port: port).text)
    }

    /// A page whose reading of the socket table began after now.
    func freshPage(within seconds: Int = 30) throws -> MetricsPage {
        let family = "timewait_sampler_last_success_timestamp_seconds"
        // The reading that ends after now may have begun before it; the one after that has not.
        var first: Double?
        var page = try page()
        let now = Date().timeIntervalSince1970
        try poll("the socket table is read twice", within: seconds) {
            page = try self.page()
            guard let read = page[family, ["collector": "socket_table"]], read > now else { return false }
            first = first ?? read
            return read > first ?? .infinity
        }
        return page
    }
}

/// Waits until something is so; an error if that takes too long.
func poll(_ what: String, within seconds: Int = 30, _ isSo: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try !isSo() {
        guard ContinuousClock.now < deadline else { throw NeverSo(description: "not so after \(seconds) s: \(what)") }
        usleep(50_000)
    }
}

/// What was waited for in vain.
struct NeverSo: Error, CustomStringConvertible {
    let description: String
}
