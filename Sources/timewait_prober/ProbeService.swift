import Endpoint
import Exposition
import KernelReaders
import Logging
import Model
import Prober
import Program
import System

/// The service: it wires the prober and the endpoint together, and runs on the main thread until
/// the signal thread has it stop.
struct ProbeService: ~Copyable {
    /// The HTTP side's flags.
    struct Serving {
        let listenAddresses: [ListenAddress]
        let configurationFile: String?
        let hasProbe: Bool
    }

    /// Time between two pages.
    private static let interval = 1.0

    private let plan: Plan
    private let logger: Logger
    private let queue: LogQueue
    private let manager: ServiceManager
    private let lifecycle: Lifecycle
    private let prober: Prober
    private let endpoint: Endpoint
    private var listeners: ListenerTargets?
    private var targets: [Target] = []
    private var isListenersKnown = true
    private var isOverLimit = false
    private var pageSize = 0

    init(_ plan: Plan, _ serving: Serving, _ handler: StandardErrorLog) throws {
        let logger = Logger(label: "timewait_prober") { _ in handler }
        let (manager, lifecycle) = (ServiceManager(), Lifecycle())
        let prober: Prober
        let endpoint: Endpoint
        try SignalThread.start(lifecycle, manager, logger, handler.queue, maximumAge: 30)
        try FileLimit.makeRoom(forConnections: 512 + plan.prober.connectionLimit, flag: "--connections.limit")
        do {
            prober = try Prober(plan.prober) { Self.log($0, to: logger) }
        } catch {
            throw StartError(description: "cannot start to probe: \(error)")
        }
        if !prober.hasHTTP, plan.needsHTTP {
            throw StartError(
                description: "probes of HTTP take libcurl, which is missing; install it: apt install libcurl4"
            )
        }
        var settings = Endpoint.Settings(
            sockets: .addresses(serving.listenAddresses),
            telemetryPath: try TelemetryPath("/metrics"),
            landingPage: ProberLandingPage.content(hasProbe: serving.hasProbe),
            maximumAge: .seconds(30)
        )
        settings.realm = "timewait_prober"
        settings.configurationFile = serving.configurationFile
        if serving.hasProbe { settings.questions = [ProbeQuestion.question(prober, plan.modules)] }
        do {
            endpoint = try Endpoint(settings) { EndpointLog.log($0, to: logger) }
        } catch {
            let flag =
                switch error {
                case .badConfiguration: "--web.config.file: "
                case .cannotServe: "--web.listen-address: "
                case .cannotStart: ""
                }
            throw StartError(description: "\(flag)\(error)")
        }
        self.plan = plan
        self.logger = logger
        queue = handler.queue
        (self.manager, self.lifecycle) = (manager, lifecycle)
        self.prober = prober
        self.endpoint = endpoint
        var excluded = plan.listenersExcluded
        // Its own port needs no probe.
        for address in endpoint.boundAddresses {
            if let port = address.split(separator: ":").last.flatMap({ Port($0) }) { excluded.insert(port) }
        }
        listeners = plan.listeners.map { module in
            ListenerTargets(module, included: plan.listenersIncluded, excluded: excluded, procfs: plan.prober.procfs)
        }
    }

    /// Probes and serves until a signal comes, then ends all connections.
    mutating func run() {
        logger.info("Starting", metadata: ["version": "\(BuildInformation.version)"])
        for address in endpoint.boundAddresses { logger.info("Serving", metadata: ["address": "\(address)"]) }
        warnWithoutTargets()
        prober.replaceTargets(limited(plan.targets))
        var isReady = false
        var next = Clock.now
        while true {
            switch lifecycle.nextStep(sampleAt: next) {
            case .sample:
                followListeners()
                publish()
                if !isReady { manager.notify(.ready) }
                isReady = true
                lifecycle.noteSample()
                next = max(next + Self.interval, Clock.now)
            case .reload:
                endpoint.reloadConfiguration()
            case .stop(let asked):
                lifecycle.begin(.draining)
                prober.stop()
                endpoint.stop(drain: .seconds(max(0, asked + SignalThread.drainSeconds - Clock.now)))
                lifecycle.begin(.leaving)
                return queue.flush(until: min(Clock.now + 1, asked + SignalThread.logSeconds))
            }
        }
    }

    private func warnWithoutTargets() {
        guard plan.targets.isEmpty, plan.listeners == nil else { return }
        let cure = "--listeners, --probe.http, --probe.tcp, --probe.listen and --config.file name targets"
        logger.warning("No target is probed on a schedule", metadata: ["cure": "\(cure)"])
    }

    /// The targets within the limit. A line in the log says when the limit is passed.
    private mutating func limited(_ targets: [Target]) -> [Target] {
        let leftOut = max(0, targets.count - plan.targetsLimit)
        if leftOut > 0, !isOverLimit {
            logger.warning(
                "Some targets are not probed: there are more than the limit",
                metadata: ["left_out": "\(leftOut)", "limit": "--targets.limit=\(plan.targetsLimit)"]
            )
        }
        isOverLimit = leftOut > 0
        return Array(targets.prefix(plan.targetsLimit))
    }

    /// Probes the LISTEN sockets of now from now on.
    private mutating func followListeners() {
        guard var listeners = listeners.take() else {
            targets = plan.targets
            return
        }
        do throws(ReadError) {
            let found = plan.targets + (try listeners.read())
            if found != targets { prober.replaceTargets(limited(found)) }
            targets = found
            if !isListenersKnown { logger.info("The LISTEN sockets can be read again") }
            isListenersKnown = true
        } catch {
            if isListenersKnown {
                logger.error(
                    "The LISTEN sockets cannot be read; those of before are probed",
                    metadata: ["error": "\(error)"]
                )
            }
            isListenersKnown = false
        }
        self.listeners = consume listeners
    }

    private mutating func publish() {
        let now = Clock.now
        let statistics = prober.statistics
        let facts = ProbeMetrics.Facts(
            version: BuildInformation.version,
            revision: BuildInformation.revision,
            targetsLeftOut: max(0, targets.count - plan.targetsLimit),
            openConnections: prober.openConnections
        )
        let renditions = TextFormat.allCases.map { format in
            let page = ProbeMetrics.page(statistics, facts, format, capacity: pageSize + 1024)
            pageSize = page.bytes.count
            return Endpoint.Page.Rendition(
                body: page.bytes,
                contentType: page.format.contentType,
                sections: page.sections.map { Endpoint.Page.Section(name: $0.name, range: $0.range) }
            )
        }
        endpoint.publish(Endpoint.Page(renditions), sampledAt: .nanoseconds(now.nanoseconds))
    }

    private static func log(_ event: Prober.Event, to logger: Logger) {
        switch event {
        case .failed(let target, let result):
            logger.warning(
                "A probe failed",
                metadata: [
                    "target": "\(target.name)", "module": "\(target.module.name)",
                    "reason": "\(result.reason?.rawValue ?? "")", "detail": "\(result.detail)",
                ]
            )
        case .recovered(let target):
            logger.info(
                "Probes succeed again",
                metadata: ["target": "\(target.name)", "module": "\(target.module.name)"]
            )
        }
    }
}

extension Plan {
    /// Whether anything is probed with HTTP.
    fileprivate var needsHTTP: Bool {
        (targets.map(\.module) + [listeners].compactMap { $0 }).contains {
            if case .http = $0.kind { true } else { false }
        }
    }
}

/// The page at `/`: what this is, and where the metrics are.
enum ProberLandingPage {
    static func content(hasProbe: Bool) -> Endpoint.Page {
        let probe =
            hasProbe
            ? "<li><code>/probe?target=&amp;module=</code>: probe a target now</li>\n" : ""
        let page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>timewait_prober</title>
            <style>body { font: 16px/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; }</style>
            </head>
            <body>
            <h1>timewait_prober</h1>
            <p>Probes services over connections that it keeps, and leaves no TIME_WAIT sockets behind.</p>
            <ul>
            <li><a href="/metrics">Metrics</a></li>
            \(probe)<li><a href="/-/healthy">Healthy</a></li>
            <li><a href="/-/ready">Ready</a></li>
            </ul>
            <p>Version \(BuildInformation.version)</p>
            </body>
            </html>

            """
        return Endpoint.Page(body: Array(page.utf8), contentType: "text/html; charset=utf-8")
    }
}
