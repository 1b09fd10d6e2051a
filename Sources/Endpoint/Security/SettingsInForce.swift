import WebConfiguration

/// What the web configuration file and the files it names say, made ready for use.
struct SettingsInForce: Sendable {
    /// Another number for each reading.
    let number: Int
    /// nil: plain HTTP.
    let tls: TLSSettings?
    let users: Users
    /// nil: no limit.
    let rateLimiter: RateLimiter?
    /// The answers that are always the same, with the headers that the file asks for.
    let fixed: FixedResponses
    private let rateLimit: WebConfiguration.RateLimit?

    /// Everything off.
    init(_ settings: Endpoint.Settings) {
        number = 0
        tls = nil
        users = Users([:])
        rateLimiter = nil
        rateLimit = nil
        fixed = FixedResponses(settings, headers: [])
    }

    /// What a configuration says now. What is as it was before is taken over: sessions of TLS, and the bucket of the rate
    /// limit.
    init(
        _ configuration: WebConfiguration,
        _ material: TLSMaterial?,
        _ settings: Endpoint.Settings,
        after before: SettingsInForce
    ) throws(Problem) {
        number = before.number + 1
        if let configuration = configuration.tls, let material {
            let isSame = before.tls?.isMade(of: configuration, material) ?? false
            tls = isSame ? before.tls : try TLSSettings(configuration, material)
        } else {
            tls = nil
        }
        users = Users(configuration.users)
        rateLimit = configuration.rateLimit
        if configuration.rateLimit == before.rateLimit {
            rateLimiter = before.rateLimiter
        } else {
            rateLimiter = configuration.rateLimit.map {
                RateLimiter(interval: $0.interval, burst: $0.burst, now: MonotonicClock.now)
            }
        }
        fixed = FixedResponses(settings, headers: configuration.headers.map { ($0.name, $0.value) })
    }
}
