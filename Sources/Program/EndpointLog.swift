package import Endpoint
package import Logging

/// The log lines of an endpoint.
package enum EndpointLog {
    /// Logs what an endpoint reports.
    package static func log(_ event: Endpoint.Event, to logger: Logger) {
        switch event {
        case .library(let text):
            logger.debug("libmicrohttpd", metadata: ["text": "\(text)"])
        case .request(let method, let path, let status, let client):
            logger.debug(
                "Request",
                metadata: [
                    "method": "\(method)", "path": "\(path)", "status": "\(status)", "client": "\(client)",
                ]
            )
        case .handshakeFailed(let client, let reason, let detail):
            logger.info(
                "A TLS handshake failed",
                metadata: ["client": "\(client)", "reason": "\(reason)", "detail": "\(detail)"]
            )
        case .connectionLimitReached(let limit):
            logger.warning(
                "All connections are in use; further ones wait (--web.max-connections)",
                metadata: ["limit": "\(limit)"]
            )
        case .cannotAccept(let reason):
            logger.error("No connection can be accepted", metadata: ["error": "\(reason)"])
        case .configurationRead(let file):
            logger.info("The web configuration was read and is in force", metadata: ["file": "\(file)"])
        case .configurationRefused(let problem):
            logger.error(
                "The web configuration cannot be used; the previous one stays in force",
                metadata: ["error": "\(problem)"]
            )
        case .configurationWarning(let problem):
            logger.warning("Web configuration", metadata: ["warning": "\(problem)"])
        }
    }
}
