package import Model

/// All that a page is rendered from.
package struct PageInput: Sendable {
    /// What the kernel said.
    package var sample: Sample
    /// What the exporter says of itself.
    package var exporter: ExporterFacts

    /// The input of one page.
    package init(sample: Sample, exporter: ExporterFacts) {
        self.sample = sample
        self.exporter = exporter
    }
}

/// What the command knows of itself and of its endpoint.
package struct ExporterFacts: Sendable {
    /// The exporter's version.
    package var version: String
    /// The commit it was built from; empty where that is unknown.
    package var revision: String
    /// The version of Swift it was compiled with.
    package var swiftVersion: String
    /// The version of libmicrohttpd it runs with.
    package var microhttpdVersion: String
    /// HTTP answers since the start by status code.
    package var requests: [Int: UInt64]
    /// The client connections of now; nil where nobody is served.
    package var connections: Connections?
    /// TLS handshakes that failed since the start, by reason.
    package var failedHandshakes: [(reason: String, count: UInt64)] = []
    /// Lines of the log that nobody took since the start.
    package var lostLogLines: UInt64 = 0
    /// How the web configuration file was read last, and when that last succeeded, in seconds since
    /// 1970; nil where there is none.
    package var reload: (wasSuccessful: Bool, lastSuccess: Double)?

    /// Client connections at one moment.
    package struct Connections: Sendable {
        /// On which a request is read or answered.
        package var active: Int
        /// Without a request.
        package var idle: Int
        /// In the kernel's queue.
        package var waiting: Int
        /// The most that are served at once.
        package var limit: Int

        /// Connections by what they do.
        package init(active: Int, idle: Int, waiting: Int, limit: Int) {
            self.active = active
            self.idle = idle
            self.waiting = waiting
            self.limit = limit
        }
    }

    /// The facts of one moment.
    package init(
        version: String,
        revision: String,
        swiftVersion: String,
        microhttpdVersion: String,
        requests: [Int: UInt64] = [:]
    ) {
        self.version = version
        self.revision = revision
        self.swiftVersion = swiftVersion
        self.microhttpdVersion = microhttpdVersion
        self.requests = requests
    }
}
