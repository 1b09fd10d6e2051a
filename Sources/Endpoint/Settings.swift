extension Endpoint {
    /// The settings that an endpoint starts with.
    package struct Settings: Sendable {
        package enum Sockets: Sendable {
            case addresses([ListenAddress])
            /// Sockets that listen already and were passed to this process, by their descriptors.
            case inherited([CInt])
        }

        package var sockets: Sockets
        package var telemetryPath: TelemetryPath
        /// The page at `/` where no page on demand has that path.
        package var landingPage: Page
        /// Pages that are made on request.
        package var onDemandPages: [OnDemandPage] = []
        /// Paths whose answers depend on their queries.
        package var questions: [Question] = []
        /// How old the sample behind the page may be; an older page is not served.
        package var maximumAge: Duration
        /// The web configuration file; nil for plain HTTP that everybody may ask.
        package var configurationFile: String?
        /// What a browser shows where it asks for a password.
        package var realm = "exporter"
        /// How long a request for the page waits for the first one.
        package var firstPageWait = Duration.seconds(5)
        /// How long a request for a page on demand waits until it is made.
        package var onDemandWait = Duration.seconds(10)
        /// How long a request with a question waits for its answer.
        package var questionWait = Duration.seconds(120)
        /// Seconds, 1 or more, within which a request has to be whole, from the connection's or its
        /// own begin on, and within which an answer has to make progress.
        package var requestTimeout = 10
        /// Seconds, 1 or more, within which the client has to take an answer whole.
        package var answerTimeout = 60
        /// Seconds, 1 or more, after which a connection is closed that waits for its next request.
        /// Longer than Prometheus waits, which is 300: who closes first is left with the TIME_WAIT.
        package var idleTimeout = 310
        /// The most connections at once, 1 or more; further ones wait in the kernel's queue.
        package var connectionLimit = 512
        /// The most connections at once from one client's address, 1 or more; further ones are
        /// closed.
        package var connectionLimitPerAddress = 128
        /// The most bytes of old pages that are kept for downloads in progress.
        package var oldPagesLimit = 32 << 20

        package init(
            sockets: Sockets,
            telemetryPath: TelemetryPath,
            landingPage: Page,
            maximumAge: Duration
        ) {
            self.sockets = sockets
            self.telemetryPath = telemetryPath
            self.landingPage = landingPage
            self.maximumAge = maximumAge
        }
    }

    /// Something that is worth a line in the log.
    package enum Event: Sendable {
        /// A line of libmicrohttpd's own log. Every bad request causes some.
        case library(String)
        /// A request was answered. Those that libmicrohttpd answers itself are not among them.
        case request(method: String, path: String, status: Int, client: String)
        /// A TLS handshake failed. Told five times at once, then each ten seconds at most.
        case handshakeFailed(client: String, reason: String, detail: String)
        /// As many connections as allowed are open and busy, and further ones wait. Told once a
        /// minute at most.
        case connectionLimitReached(Int)
        /// No connection can be accepted, for this reason. Told once a minute at most.
        case cannotAccept(reason: String)
        /// The web configuration file of this path, or one that it names, was changed and is in
        /// force.
        case configurationRead(String)
        /// What was changed cannot be used, and why; what was in force before still is.
        case configurationRefused(String)
        /// Something of the web configuration file has no effect, or another one than it seems.
        case configurationWarning(String)
    }

    /// How the last reading of the web configuration file and of those it names went.
    package struct Reload: Sendable {
        /// Whether what they hold is in force.
        package var wasSuccessful: Bool
        /// When one last succeeded, in seconds since 1970.
        package var lastSuccess: Double
    }

    /// What was counted since the start, and the connections of now.
    package struct Statistics: Sendable {
        /// How many requests were answered with each status code, 0 included.
        package var answers: [(code: Int, count: UInt64)]
        /// How many TLS handshakes failed for each reason, 0 included.
        package var failedHandshakes: [(reason: String, count: UInt64)]
        /// Connections on which a request is read or answered.
        package var active: Int
        package var idle: Int
        /// Connections that the kernel has made and that are not served yet.
        package var waiting = 0
    }
}
