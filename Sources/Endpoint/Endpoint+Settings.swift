extension Endpoint {
    /// What an endpoint is told once, when it starts.
    package struct Settings: Sendable {
        /// Where to listen.
        package var listenAddresses: [ListenAddress]
        /// The path of the page.
        package var telemetryPath: TelemetryPath
        /// What `/` shows.
        package var landingPage: Page
        /// How old the sample behind the page may be; an older page is not served.
        package var maximumAge: Duration
        /// Seconds without a byte, 1 or more, after which a connection is closed whose request is not complete or whose
        /// answer does not go out.
        package var requestTimeout = 10
        /// Seconds, 1 or more, after which a connection is closed that waits for its next request. Longer than
        /// Prometheus waits, which is 300: who closes first is left with the TIME_WAIT.
        package var idleTimeout = 310
        /// The most connections at once at each address, 1 or more; further ones wait in the kernel's queue.
        package var connectionLimit = 128

        /// Settings with the usual times and limits.
        package init(
            listenAddresses: [ListenAddress],
            telemetryPath: TelemetryPath,
            landingPage: Page,
            maximumAge: Duration
        ) {
            self.listenAddresses = listenAddresses
            self.telemetryPath = telemetryPath
            self.landingPage = landingPage
            self.maximumAge = maximumAge
        }
    }
}
