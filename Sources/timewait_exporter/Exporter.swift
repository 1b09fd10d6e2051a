import Aggregator
import Catalogue
import Endpoint
import Exposition
import KernelReaders
import Logging
import Model
import Program
import Sampler

/// The exporter: it wires the modules together and runs on the main thread, from tick to tick,
/// until the signal thread has it stop.
struct Exporter: ~Copyable {
    private let logger: Logger
    private let manager: ServiceManager
    private let endpoint: Endpoint
    private let telemetryPath: TelemetryPath
    private let connectionLimit: Int
    private let lifecycle = Lifecycle()
    private let latest = LatestSample()
    private let queue: LogQueue
    private var sampler: Sampler
    private var facts: ExporterFacts
    private var pageSize = 0

    /// Listens; the first sample is not there yet. The signals must be held back
    /// (`SignalThread.holdBack()`).
    init(
        serving: ServingSettings,
        sampling: SamplerSettings,
        procfs: String,
        log handler: StandardErrorLog
    ) throws {
        let logger = Logger(label: "timewait_exporter") { _ in handler }
        let facts = BuildInformation.facts
        let manager = ServiceManager()
        let maximumAge = max(3 * sampling.interval, 90)
        // First, so that nothing in what follows can keep the process from being stopped.
        try SignalThread.start(lifecycle, manager, logger, handler.queue, maximumAge: maximumAge)
        try Self.check(procfs: procfs)
        try FileLimit.makeRoom(
            forConnections: serving.connectionLimit,
            flag: "--web.max-connections",
            and: sampling.who.map { _ in (CloseTrace.files, "--who") }
        )
        let sockets: Endpoint.Settings.Sockets =
            serving.usesPassedSockets
            ? .inherited(try manager.passedSockets()) : .addresses(serving.listenAddresses)
        var settings = Endpoint.Settings(
            sockets: sockets,
            telemetryPath: serving.telemetryPath,
            landingPage: BareLandingPage.content(version: facts.version, telemetryPath: serving.telemetryPath.text),
            maximumAge: .seconds(maximumAge)
        )
        let surroundings = Surroundings(
            procfs: procfs,
            readsSockDiag: sampling.source != .procfs,
            servicePorts: sampling.accounting.servicePorts,
            patience: 8,
            lifecycle.interruption
        )
        settings.onDemandPages = PagesOnDemand(of: latest, in: surroundings).all(serving)
        settings.realm = "timewait_exporter"
        settings.configurationFile = serving.configurationFile
        settings.connectionLimit = serving.connectionLimit
        settings.connectionLimitPerAddress = serving.connectionLimitPerAddress
        let endpoint: Endpoint
        do {
            endpoint = try Endpoint(settings) { EndpointLog.log($0, to: logger) }
        } catch {
            throw StartError(description: (serving.flag(of: error).map { "\($0): " } ?? "") + "\(error)")
        }
        // What is served has its threads by now. Readings take one more, and memory.
        try Thread.check()
        try CPUTime.check()
        try MemoryAllowance.checkForReadings()
        self.endpoint = endpoint
        self.logger = logger
        self.manager = manager
        telemetryPath = serving.telemetryPath
        connectionLimit = serving.connectionLimit
        queue = handler.queue
        self.facts = facts
        var sampling = sampling
        // Last, for the same reason.
        if let memory = sampling.accounting.lowerSocketsLimit() {
            logger.warning(
                "The memory limit allows fewer recognised sockets than --sockets.limit",
                metadata: [
                    "sockets": "\(sampling.accounting.socketsLimit)", "limit": "\(memory.limit)",
                    "bytes": "\(memory.bytes)",
                ]
            )
        }
        sampler = Sampler(
            ProcFilesystem(mount: procfs),
            sampling,
            from: Clock.now,
            interruption: lifecycle.interruption
        ) { Self.log($0, to: logger) }
    }

    /// Looks for what is read. A capture of a procfs will do, in which single files are missing.
    /// The folder of a process, such as /proc/self, has a `net` too, but no sysctls.
    ///
    /// - Throws: that there is nothing.
    static func check(procfs: String) throws {
        func refusal(_ what: String) -> StartError {
            StartError(description: "--path.procfs '\(procfs)': \(what); procfs is mounted at /proc on most machines")
        }
        guard ProcFilesystem.isThere(procfs) else { throw refusal("no such folder") }
        if ProcFilesystem.isClosed(procfs) { throw refusal("Permission denied") }
        guard ["thread-self/net", "sys/net"].contains(where: { ProcFilesystem.isThere("\(procfs)/\($0)") })
        else {
            throw refusal("not a procfs: it has neither thread-self/net nor sys/net")
        }
    }

    /// Samples and serves until a signal comes, then stops: at once where no answer is on its way,
    /// else within five seconds.
    mutating func run() {
        logger.info("Starting", metadata: ["version": "\(facts.version)", "revision": "\(facts.revision)"])
        for address in endpoint.boundAddresses {
            var metadata: Logger.Metadata = ["address": "\(address)"]
            if let url = url(of: address) { metadata["url"] = "\(url)" }
            logger.info("Serving", metadata: metadata)
        }
        var isReady = false
        while true {
            switch lifecycle.nextStep(sampleAt: sampler.next) {
            case .sample:
                sampleAndPublish()
                if !isReady { manager.notify(.ready) }
                isReady = true
                lifecycle.noteSample()
            case .reload:
                reloadWebConfiguration()
            case .stop(let asked):
                return end(asked)
            }
        }
    }

    /// Reads the web configuration again, after SIGHUP.
    private func reloadWebConfiguration() {
        logger.info("Reloading the web configuration")
        endpoint.reloadConfiguration()
    }

    private func end(_ asked: Instant) {
        lifecycle.begin(.draining)
        endpoint.stop(drain: .seconds(max(0, asked + SignalThread.drainSeconds - Clock.now)))
        lifecycle.begin(.leaving)
        queue.flush(until: min(Clock.now + 1, asked + SignalThread.logSeconds))
    }

    private mutating func sampleAndPublish() {
        let now = Clock.now
        let served = endpoint.statistics
        facts.requests = Dictionary(uniqueKeysWithValues: served.answers.map { ($0.code, $0.count) })
        facts.failedHandshakes = endpoint.isEncrypted ? served.failedHandshakes : []
        facts.connections = ExporterFacts.Connections(
            active: served.active,
            idle: served.idle,
            waiting: served.waiting,
            limit: connectionLimit
        )
        facts.lostLogLines = queue.lostLines
        facts.reload = endpoint.reload.map { (wasSuccessful: $0.wasSuccessful, lastSuccess: $0.lastSuccess) }
        let input = PageInput(sample: sampler.tick(at: now), exporter: facts)
        let startCPU = Clock.threadCPU.seconds
        defer { sampler.note(cpuSeconds: Clock.threadCPU.seconds - startCPU) }
        latest.replace(with: input.sample)
        let renditions = TextFormat.allCases.map { format in
            let page = Catalogue.page(input, format, capacity: pageSize + 1024)
            pageSize = page.bytes.count
            return Endpoint.Page.Rendition(
                body: page.bytes,
                contentType: page.format.contentType,
                sections: page.sections.map { Endpoint.Page.Section(name: $0.name, range: $0.range) }
            )
        }
        endpoint.publish(Endpoint.Page(renditions), sampledAt: .nanoseconds(now.nanoseconds))
    }

    private static func log(_ event: SamplerEvent, to logger: Logger) {
        switch event {
        case .failed(let collector, let error):
            logger.error(
                "A reading failed; its metrics are absent until it succeeds",
                metadata: [
                    "collector": "\(collector.rawValue)", "reason": "\(error.reason.rawValue)", "error": "\(error)",
                ]
            )
        case .late(let collector, let error):
            logger.error(
                "A reading takes long, and the page does not wait for it",
                metadata: [
                    "collector": "\(collector.rawValue)", "reason": "\(error.reason.rawValue)", "error": "\(error)",
                ]
            )
        case .failedInPart(let collector, let error):
            logger.error(
                "A part of a reading failed; its metrics are absent until it succeeds",
                metadata: [
                    "collector": "\(collector.rawValue)", "reason": "\(error.reason.rawValue)", "error": "\(error)",
                ]
            )
        case .absent(let collector, let error):
            logger.info(
                "Not available on this kernel",
                metadata: ["collector": "\(collector.rawValue)", "error": "\(error)"]
            )
        case .recovered(let collector):
            logger.info("Reading works again", metadata: ["collector": "\(collector.rawValue)"])
        case .reads(let source, nil):
            logger.info("Reading the socket table", metadata: ["source": "\(source.rawValue)"])
        case .reads(let source, let obstacle?):
            logger.warning(
                "Falling back to procfs",
                metadata: ["source": "\(source.rawValue)", "obstacle": "\(obstacle)"]
            )
        case .readsAddressFiles(because: let obstacle):
            logger.warning(
                "Reading local addresses from files, which lack IPv6 prefixes",
                metadata: ["collector": "local_addresses", "obstacle": "\(obstacle)"]
            )
        case .hidesProcesses:
            logger.warning(
                "Programs that ran before the exporter have no names: processes are hidden; set ProtectProc=default",
                metadata: ["collector": "who"]
            )
        case .malformedRows(let count):
            logger.warning(
                "Rows of the socket table did not parse and were left out",
                metadata: ["collector": "socket_table", "rows": "\(count)"]
            )
        }
    }

    /// What to type into a browser on this machine for an address that is served; nil for a unix
    /// socket.
    private func url(of address: String) -> String? {
        guard !address.hasPrefix("unix:") else { return nil }
        let everywhere = ["[::]:", "0.0.0.0:"].first { address.hasPrefix($0) }
        let host = everywhere.map { "localhost:" + address.dropFirst($0.count) } ?? address
        return (endpoint.isEncrypted ? "https://" : "http://") + host + telemetryPath.text
    }
}

/// The HTTP side's flags.
struct ServingSettings {
    let listenAddresses: [ListenAddress]
    let usesPassedSockets: Bool
    let telemetryPath: TelemetryPath
    let hasLandingPage: Bool
    let configurationFile: String?
    let connectionLimit: Int
    let connectionLimitPerAddress: Int

    /// The flag that asked for what could not be had; nil where no flag did.
    func flag(of error: EndpointError) -> String? {
        switch error {
        case .cannotStart: nil
        case .badConfiguration: "--web.config.file"
        case _ where usesPassedSockets: "--web.systemd-socket"
        default: "--web.listen-address"
        }
    }
}

extension BuildInformation {
    /// The same for a page of metrics.
    static var facts: ExporterFacts {
        ExporterFacts(
            version: version,
            revision: revision,
            swiftVersion: swiftVersion,
            microhttpdVersion: Endpoint.libraryVersion
        )
    }
}
