import Glibc

/// The answers other than the page.
struct Answers: Sendable {
    let settings: Endpoint.Settings
    let headers: [Response.Header]

    /// A sentence for people.
    func answer(_ status: StatusCode, _ sentence: String, _ own: Response.Header...) -> Response {
        let type = ("Content-Type", "text/plain; charset=utf-8")
        return Response(status, Array((sentence + "\n").utf8), headers: [type] + own + headers)
    }

    private static let comeAgain = ("Retry-After", "1")
    private static let allow = ("Allow", "GET, HEAD, OPTIONS")

    var landing: Response {
        let page = settings.landingPage.renditions[0]
        return Response(.ok, page.body, headers: [("Content-Type", page.contentType)] + headers)
    }
    var healthy: Response { answer(.ok, "Healthy.") }
    var ready: Response { answer(.ok, "Ready.") }
    var options: Response { Response(.ok, [], headers: [Self.allow] + headers) }
    var notFound: Response {
        answer(.notFound, "There is nothing here; the metrics are at \(settings.telemetryPath.text).")
    }
    var methodNotAllowed: Response { answer(.methodNotAllowed, "Only GET and HEAD are answered here.", Self.allow) }
    var stopping: Response { answer(.serviceUnavailable, "The exporter stops.") }
    var noPageYet: Response {
        answer(.serviceUnavailable, "There is no sample yet; the first comes within seconds.", Self.comeAgain)
    }
    var notMade: Response {
        answer(.serviceUnavailable, "The page could not be made in time; come again.", Self.comeAgain)
    }
    var stale: Response {
        let limit = "\(settings.maximumAge), which is the most that is allowed"
        return answer(.serviceUnavailable, "The newest sample is older than \(limit).")
    }

    /// To whom a password does not let in.
    func refusal(_ verdict: PasswordVerdict) -> Response {
        if verdict == .unchecked {
            return answer(.serviceUnavailable, "Too many passwords wait to be checked; come again.", Self.comeAgain)
        }
        let challenge = ("WWW-Authenticate", "Basic realm=\"\(settings.realm)\", charset=\"UTF-8\"")
        return answer(.unauthorized, "Only with a user name and a password of this exporter.", challenge)
    }

    /// To whom the rate limit does not let pass.
    ///
    /// - Parameter wait: the time until it will; 0 for never.
    func tooManyRequests(retryAfter wait: Duration) -> Response {
        let sentence = "More requests than rate_limit of the web configuration file allows."
        if wait == .zero { return answer(.tooManyRequests, sentence) }
        return answer(.tooManyRequests, sentence, ("Retry-After", "\(Int((wait / .seconds(1)).rounded(.up)))"))
    }

    /// Sends a client to the path that it meant.
    func moved(to path: String, _ arguments: RequestFields) -> Response {
        let query = arguments.all.map { "\(Self.encoded($0.name))=\(Self.encoded($0.value))" }.joined(separator: "&")
        let location = path + (query.isEmpty ? "" : "?" + query)
        return answer(.movedPermanently, "Moved to \(path).", ("Location", location))
    }

    /// A text of a query with all that is not a letter, a digit or one of `-._~` percent-encoded.
    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isKept = isalnum(CInt(byte)) != 0 || "-._~".utf8.contains(byte)
            let digits = String(byte, radix: 16, uppercase: true)
            return isKept ? String(Unicode.Scalar(byte)) : (byte < 16 ? "%0" : "%") + digits
        }.joined()
    }
}
