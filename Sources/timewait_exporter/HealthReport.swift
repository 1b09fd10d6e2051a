import Endpoint
import Program

/// The `--web.healthcheck` flag, for the health check of a container without another HTTP client.
enum HealthReport {
    /// Asks the exporter that serves on an address, and says on a line of standard output that it
    /// answers.
    ///
    /// - Parameter configuration: the exporter's configuration file, which may tell it to use TLS.
    /// - Throws: what is wrong with it.
    static func make(of address: ListenAddress, configuration: String?) throws {
        let patience = Duration.seconds(3)
        switch HealthQuestion.ask(at: address, configuration: configuration, within: patience) {
        case .status(200):
            print("healthy: \(address) answers")
        case .status(401):
            // The password check answers, so the process is alive; the rest needs a password.
            print("healthy: \(address) answers, and wants a password")
        case .status(let code):
            throw unhealthy(address, "answers with status \(code)")
        case .noStatus where configuration != nil:
            // Only a program that lives ends it, as it does where it wants a certificate of the
            // client.
            print("healthy: \(address) ends a connection that has no certificate, or does not begin TLS")
        case .noStatus:
            throw unhealthy(address, "ends the connection without an answer in HTTP")
        case .silence:
            throw unhealthy(address, "has not answered after \(patience)")
        case .noConnection(let reason):
            throw unhealthy(address, "takes no connection: \(reason)")
        }
    }

    private static func unhealthy(_ address: ListenAddress, _ what: String) -> StartError {
        StartError(description: "unhealthy: \(address) \(what)")
    }
}
