import Endpoint

/// What the flags say of the HTTP side.
struct ServingSettings {
    let listenAddresses: [ListenAddress]
    let usesPassedSockets: Bool
    let telemetryPath: TelemetryPath
    let hasLandingPage: Bool
    let configurationFile: String?
    let connectionLimit: Int
    let connectionLimitPerAddress: Int

    /// The flag that asked for what could not be had.
    func flag(of error: EndpointError) -> String {
        switch error {
        case .badConfiguration: "--web.config.file"
        case _ where usesPassedSockets: "--web.systemd-socket"
        default: "--web.listen-address"
        }
    }
}
