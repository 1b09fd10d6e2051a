extension Endpoint {
    /// Something that is worth a line in the log.
    package enum Event: Sendable {
        /// A line of libmicrohttpd's own log. Every bad request causes some.
        case library(String)
        /// A request was answered. Those that libmicrohttpd answers itself are not among them.
        case request(method: String, path: String, status: Int, client: String)
        /// The web configuration file of this path, or one that it names, was changed and is in force.
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
}
