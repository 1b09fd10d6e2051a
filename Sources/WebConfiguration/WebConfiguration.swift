/// What a file for `--web.config.file` says: the format of the exporter-toolkit, read and validated as far as its text
/// tells. It opens none of the files that it names.
package struct WebConfiguration: Equatable, Sendable {
    /// Certificates and the rules of TLS; nil where TLS is off.
    package var tls: TLS?
    /// What goes onto every answer, in the order of the file; blank ones are left out.
    package var headers: [Header] = []
    /// The bcrypt hash of each user's password, by the name of the user; nobody has to log in where there are none.
    package var users: [String: String] = [:]
    /// How often requests are answered; nil where there is no limit.
    package var rateLimit: RateLimit?
    /// What is accepted, but has no effect or perhaps not the wanted one: each is worth a line in the log.
    package var warnings: [Problem] = []

    /// Everything is off.
    package init() {}
}

extension WebConfiguration {
    /// A header of every answer.
    package struct Header: Equatable, Sendable {
        /// The name, as `X-Frame-Options`.
        package var name: String
        /// The value: not blank, and one line.
        package var value: String

        /// A header.
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A token bucket.
    package struct RateLimit: Equatable, Sendable {
        /// How long it takes until one more request may come; more than 0.
        package var interval: Duration
        /// How many requests may come at once; 0 lets none through.
        package var burst: Int

        /// A limit.
        package init(interval: Duration, burst: Int) {
            self.interval = interval
            self.burst = burst
        }
    }
}
