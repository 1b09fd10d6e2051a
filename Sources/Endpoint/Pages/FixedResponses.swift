/// The answers that stay the same as long as the settings do. A class, so that settings are passed around for little.
final class FixedResponses: Sendable {
    /// What goes with every answer.
    let headers: [Response.Header]
    let landing: Response
    let healthy: Response
    let ready: Response
    let noPageYet: Response
    let stale: Response
    let notMade: Response
    let notFound: Response
    let options: Response
    let methodNotAllowed: Response
    let stopping: Response
    private let unauthorized: Response
    private let tooManyPasswords: Response
    private let contentTooLarge: Response

    private static let comeAgain = [("Retry-After", "1")]
    private static let allow = [("Allow", "GET, HEAD, OPTIONS")]

    init(_ settings: Endpoint.Settings, headers: [Response.Header]) {
        self.headers = headers
        func response(_ status: StatusCode, _ sentence: String, _ own: [Response.Header] = []) -> Response {
            Response(status, sentence: sentence, headers: own + headers)
        }
        let page = settings.landingPage.renditions[0]
        landing = Response(.ok, page.body, headers: [("Content-Type", page.contentType)] + headers)
        healthy = response(.ok, "Healthy.")
        ready = response(.ok, "Ready.")
        noPageYet = response(
            .serviceUnavailable,
            "There is no sample yet; the first comes within seconds.",
            Self.comeAgain
        )
        stale = response(
            .serviceUnavailable,
            "The newest sample is older than \(settings.maximumAge), which is the most that is allowed."
        )
        notMade = response(
            .serviceUnavailable,
            "The page could not be made in time; come again.",
            Self.comeAgain
        )
        notFound = response(
            .notFound,
            "There is nothing here; the metrics are at \(settings.telemetryPath.text)."
        )
        options = Response(.ok, [], headers: Self.allow + headers)
        methodNotAllowed = response(.methodNotAllowed, "Only GET and HEAD are answered here.", Self.allow)
        unauthorized = response(
            .unauthorized,
            "Only with a user name and a password of this exporter.",
            [("WWW-Authenticate", "Basic realm=\"\(settings.realm)\", charset=\"UTF-8\"")]
        )
        tooManyPasswords = response(
            .serviceUnavailable,
            "Too many passwords wait to be checked; come again.",
            Self.comeAgain
        )
        contentTooLarge = response(.contentTooLarge, "No request here needs a body.")
        stopping = response(.serviceUnavailable, "The exporter stops.")
    }

    /// An answer to a request that cannot be understood.
    func badRequest(_ sentence: String) -> Response {
        Response(.badRequest, sentence: sentence, headers: headers)
    }

    /// An answer to a request whose end cannot be known for certain, or that is too large.
    func response(to fault: Framing.Fault) -> Response {
        switch fault {
        case .tooLarge: contentTooLarge
        case .malformed(let sentence): badRequest(sentence)
        }
    }

    /// An answer to whom a password does not let in.
    func refusal(_ verdict: PasswordVerdict) -> Response {
        verdict == .unchecked ? tooManyPasswords : unauthorized
    }

    /// An answer to whom the rate limit does not let pass.
    ///
    /// - Parameter wait: the time until it will; nil for never.
    func tooManyRequests(retryAfter wait: Duration?) -> Response {
        let seconds = wait.map { [("Retry-After", String(max(1, Int(($0 / .seconds(1)).rounded(.up)))))] } ?? []
        return Response(
            .tooManyRequests,
            sentence: "More requests than rate_limit of the web configuration file allows.",
            headers: seconds + headers
        )
    }

    /// Sends a client to the path that it meant.
    func moved(to path: String, _ arguments: RequestFields) -> Response {
        let query = arguments.all.map { "\(Self.encoded($0.name))=\(Self.encoded($0.value))" }.joined(separator: "&")
        let location = path + (query.isEmpty ? "" : "?" + query)
        return Response(
            .movedPermanently,
            sentence: "Moved to \(path).",
            headers: [("Location", location)] + headers
        )
    }

    /// A text of a query with all that is not a letter, a digit or one of `-._~` percent-encoded.
    private static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { encoded, byte in
            let scalar = Unicode.Scalar(byte)
            if scalar.isASCII, scalar.properties.isAlphabetic || "0"..."9" ~= scalar || "-._~".utf8.contains(byte) {
                encoded.unicodeScalars.append(scalar)
            } else {
                encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
