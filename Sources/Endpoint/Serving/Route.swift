/// What a path of a request stands for.
enum Route: Equatable {
    case page
    case landing
    case healthy
    case ready

    /// The route of a path without its query; nil where nothing is.
    init?(_ path: String, telemetryPath: TelemetryPath) {
        if path == telemetryPath.text {
            self = .page
        } else if path == "/" {
            self = .landing
        } else if let probe = Self.ofProbe(path) {
            self = probe
        } else {
            return nil
        }
    }

    /// The two paths that orchestrators ask, and that are the same in every exporter.
    static func ofProbe(_ path: String) -> Route? {
        switch path {
        case "/-/healthy": .healthy
        case "/-/ready": .ready
        default: nil
        }
    }
}
