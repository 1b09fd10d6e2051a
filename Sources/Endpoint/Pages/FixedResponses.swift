/// The answers that stay the same as long as the settings do. A class, so that settings are passed around for little.
final class FixedResponses: Sendable {
    /// What goes with every answer.
    let headers: [Response.Header]
    let landing: Response
    let healthy: Response
    let ready: Response
    let noPageYet: Response
    let stale: Response
    let notFound: Response
    let methodNotAllowed: Response
    let unauthorized: Response
    let tooManyRequests: Response
    let tooManyPasswords: Response
    let contentTooLarge: Response
    let stopping: Response

    init(_ settings: Endpoint.Settings, headers: [Response.Header]) {
        self.headers = headers
        func response(_ status: StatusCode, _ sentence: String, _ own: [Response.Header] = []) -> Response {
            Response(status, sentence: sentence, headers: own + headers)
        }
        let comeAgain = [("Retry-After", "1")]
        let page = settings.landingPage.renditions[0]
        landing = Response(.ok, page.body, headers: [("Content-Type", page.contentType)] + headers)
        healthy = response(.ok, "Healthy.")
        ready = response(.ok, "Ready.")
        noPageYet = response(
            .serviceUnavailable,
            "There is no sample yet; the first comes within seconds.",
            comeAgain
        )
        stale = response(
            .serviceUnavailable,
            "The newest sample is older than \(settings.maximumAge), which is the most that is allowed."
        )
        notFound = response(
            .notFound,
            "There is nothing here; the metrics are at \(settings.telemetryPath.text)."
        )
        methodNotAllowed = response(
            .methodNotAllowed,
            "Only GET and HEAD are answered here.",
            [("Allow", "GET, HEAD")]
        )
        unauthorized = response(
            .unauthorized,
            "Only with a user name and a password of this exporter.",
            [("WWW-Authenticate", "Basic realm=\"timewait_exporter\", charset=\"UTF-8\"")]
        )
        tooManyRequests = response(
            .tooManyRequests,
            "More requests than rate_limit of the web configuration file allows.",
            comeAgain
        )
        tooManyPasswords = response(
            .serviceUnavailable,
            "Too many passwords wait to be checked; come again.",
            comeAgain
        )
        contentTooLarge = response(.contentTooLarge, "No request here needs a body.")
        stopping = response(.serviceUnavailable, "The exporter stops.")
    }

    /// An answer to a request that is not one by RFC 9112.
    func badRequest(_ sentence: String) -> Response {
        Response(.badRequest, sentence: sentence, headers: headers)
    }
}
