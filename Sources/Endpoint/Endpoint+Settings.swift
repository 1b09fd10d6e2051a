extension Endpoint {
    /// What an endpoint is told once, when it starts.
    package struct Settings: Sendable {
        /// Where connections come from.
        package enum Sockets: Sendable {
            /// Sockets that are made, one for each address.
            case addresses([ListenAddress])
            /// Sockets that listen already and were passed to this process, by their descriptors.
            case inherited([CInt])
        }

        /// Where to listen.
        package var sockets: Sockets
        /// The path of the page.
        package var telemetryPath: TelemetryPath
        /// What `/` shows.
        package var landingPage: Page
        /// How old the sample behind the page may be; an older page is not served.
        package var maximumAge: Duration
        /// The web configuration file; nil for plain HTTP that everybody may ask.
        package var configurationFile: String?
        /// How long a request for the page waits for the first one.
        package var firstPageWait = Duration.seconds(5)
        /// Seconds, 1 or more, within which a request has to be whole, from the connection's or its own begin on, and
        /// within which an answer has to make progress.
        package var requestTimeout = 10
        /// Seconds, 1 or more, within which an answer has to be taken whole.
        package var answerTimeout = 60
        /// Seconds, 1 or more, after which a connection is closed that waits for its next request. Longer than
        /// Prometheus waits, which is 300: who closes first is left with the TIME_WAIT.
        package var idleTimeout = 310
        /// The most connections at once, 1 or more; further ones wait in the kernel's queue. Where there are several
        /// sockets each has its share.
        package var connectionLimit = 512
        /// The most connections at once from one client's address, 1 or more; further ones are closed.
        package var connectionLimitPerAddress = 128

        /// Settings with the usual times and limits.
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
}
