import Aggregator
import Catalogue
import Endpoint
import Exposition
import Glibc
import KernelReaders
import Logging
import Ports
import Sampler

/// The exporter: it wires the rooms together and runs on the main thread, from tick to tick, until a signal ends it.
struct Exporter: ~Copyable {
    private let logger: Logger
    private let endpoint: Endpoint
    private let telemetryPath: TelemetryPath
    private var signals: StopSignals
    private var sampler: Sampler
    private var facts: ExporterFacts

    /// Listens; the first sample is not there yet.
    init(
        listenAddresses: [ListenAddress],
        telemetryPath: TelemetryPath,
        sampling: SamplerSettings,
        procfs: String,
        log handler: StandardErrorLog
    ) throws {
        // Before the endpoint's threads start, which take over this thread's mask.
        let signals = StopSignals()
        let logger = Logger(label: "timewait_exporter") { _ in handler }
        let facts = ExporterFacts(
            version: BuildInformation.version,
            revision: BuildInformation.revision,
            swiftVersion: BuildInformation.swiftVersion,
            microhttpdVersion: Endpoint.libraryVersion
        )
        guard ProcFilesystem.isThere(procfs) else {
            throw StartError(
                description:
                    "--path.procfs '\(procfs)': there is no such folder; procfs is mounted at /proc on most machines"
            )
        }
        let endpoint: Endpoint
        do {
            endpoint = try Endpoint(
                Endpoint.Settings(
                    listenAddresses: listenAddresses,
                    telemetryPath: telemetryPath,
                    landingPage: LandingPage.content(version: facts.version, telemetryPath: telemetryPath.text),
                    maximumAge: .seconds(max(3 * sampling.interval, 90))
                )
            ) { logger.debug("libmicrohttpd", metadata: ["text": "\($0)"]) }
        } catch {
            throw StartError(description: "--web.listen-address: \(error)")
        }
        self.logger = logger
        self.endpoint = endpoint
        self.telemetryPath = telemetryPath
        self.signals = signals
        self.facts = facts
        sampler = Sampler(
            ProcFilesystem(mount: procfs),
            sampling,
            from: Clock.now
        ) { Self.log($0, to: logger) }
    }

    /// Samples and serves until a signal comes, then stops: at once where no answer is on its way, else within five
    /// seconds.
    mutating func run() {
        logger.info("Starting", metadata: ["version": "\(facts.version)", "revision": "\(facts.revision)"])
        for address in endpoint.boundAddresses {
            let url = Self.url(of: address) + telemetryPath.text
            logger.info("Serving", metadata: ["address": "\(address)", "url": "\(url)"])
        }
        var pageSize = 0
        var signal: String?
        while signal == nil {
            let now = Clock.now
            if now >= sampler.next {
                facts.requests = Dictionary(uniqueKeysWithValues: endpoint.requestCounts.map { ($0.code, $0.count) })
                let sample = sampler.tick(at: now)
                let page = Catalogue.page(PageInput(sample: sample, exporter: facts), capacity: pageSize + 1024)
                pageSize = page.bytes.count
                let content = Endpoint.Page(body: page.bytes, contentType: Page.contentType)
                endpoint.publish(content, sampledAt: .nanoseconds(now.nanoseconds))
            }
            signal = signals.wait(atMost: sampler.next - Clock.now)
        }
        logger.info("Stopping", metadata: ["signal": "\(signal ?? "")"])
        endpoint.stop(drain: .seconds(5))
    }

    private static func log(_ event: SamplerEvent, to logger: Logger) {
        switch event {
        case .failed(let collector, let error):
            logger.error(
                "A reading failed; its families are absent until it works again",
                metadata: [
                    "collector": "\(collector.rawValue)", "reason": "\(error.reason.rawValue)", "error": "\(error)",
                ]
            )
        case .recovered(let collector):
            logger.info("Reading works again", metadata: ["collector": "\(collector.rawValue)"])
        case .reads(let source, nil):
            logger.info("Reading the socket table", metadata: ["source": "\(source.rawValue)"])
        case .reads(let source, let obstacle?):
            logger.warning(
                "Reading the socket table in another way than would be best",
                metadata: ["source": "\(source.rawValue)", "obstacle": "\(obstacle)"]
            )
        case .malformedRows(let count):
            logger.warning(
                "Rows of the socket table did not parse and were left out",
                metadata: ["collector": "socket_table", "rows": "\(count)"]
            )
        }
    }

    /// What to type into a browser on this machine for an address that is served.
    private static func url(of address: String) -> String {
        for everywhere in ["[::]:", "0.0.0.0:"] where address.hasPrefix(everywhere) {
            return "http://localhost:" + address.dropFirst(everywhere.count)
        }
        return "http://" + address
    }
}
