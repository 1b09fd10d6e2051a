import CMicrohttpd
import Glibc

/// An answer ready to go out, any number of times and on many connections at once, from one piece
/// of memory.
///
/// A download on its way keeps the bytes alive after the last reference to the response is gone:
/// libmicrohttpd counts its own references.
@safe
final class Response: @unchecked Sendable {
    // Sendable because libmicrohttpd guards the count of references, and nothing else changes after
    // init.

    let status: StatusCode
    let body: [UInt8]
    /// When the sample of the page was taken that it is; nil for any other answer.
    let sampledAt: Duration?
    private let headers: [Header]
    private let handle: OpaquePointer

    typealias Header = (name: String, value: String)

    /// Wraps bytes without copying them. The values of headers hold neither line breaks nor control
    /// characters.
    init(_ status: StatusCode, _ body: [UInt8], headers: [Header], sampledAt: Duration? = nil) {
        self.status = status
        self.body = body
        self.headers = headers
        self.sampledAt = sampledAt
        let retained = RetainedBytes(body)
        // The memory of an array stays where it is, and as it is, as long as somebody holds the
        // array: RetainedBytes does, until releaseBytes() is called.
        let created = unsafe retained.body.withUnsafeBytes { memory in
            unsafe MHD_create_response_from_buffer_with_free_callback_cls(
                memory.count,
                UnsafeMutableRawPointer(mutating: memory.baseAddress),
                releaseBytes,
                Unmanaged.passRetained(retained).toOpaque()
            )
        }
        guard let created = unsafe created else { fatalError("out of memory") }
        unsafe handle = created
        for (name, value) in headers {
            let taken = unsafe MHD_add_response_header(handle, name, value)
            precondition(taken == .YES, "\(value.debugDescription) is no value of a header")
        }
    }

    deinit {
        unsafe MHD_destroy_response(handle)
    }

    /// The same answer, after which the connection is closed.
    var closing: Response {
        Response(status, body, headers: [("Connection", "close")] + headers, sampledAt: sampledAt)
    }

    /// Hands the answer to a connection, which takes a reference of its own.
    ///
    /// - Returns: false where the connection cannot be answered any more.
    func queue(on connection: Connection) -> Bool {
        unsafe MHD_queue_response(connection.handle, status.rawValue, handle) == .YES
    }
}

/// What libmicrohttpd holds on to while it may still send the bytes.
private final class RetainedBytes {
    let body: [UInt8]

    init(_ body: [UInt8]) { self.body = body }
}

/// An MHD_ContentReaderFreeCallback: the last download that needed the bytes has ended.
private func releaseBytes(bytes: UnsafeMutableRawPointer?) {
    guard let bytes = unsafe bytes else { return }
    unsafe Unmanaged<RetainedBytes>.fromOpaque(bytes).release()
}

/// The answers other than the page.
struct Answers: Sendable {
    let settings: Endpoint.Settings
    let headers: [Response.Header]

    /// A plain-text answer of one sentence.
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
    var stopping: Response { answer(.serviceUnavailable, "The exporter is stopping.") }
    var noPageYet: Response {
        answer(.serviceUnavailable, "There is no sample yet; the first comes within seconds.", Self.comeAgain)
    }
    var notMade: Response {
        answer(.serviceUnavailable, "The page was not ready in time; try again.", Self.comeAgain)
    }
    var stale: Response {
        let limit = "\(settings.maximumAge), which is the most that is allowed"
        return answer(.serviceUnavailable, "The newest sample is older than \(limit).")
    }

    /// The answer where the password is missing or wrong.
    func refusal(_ verdict: PasswordVerdict) -> Response {
        if verdict == .unchecked {
            return answer(
                .serviceUnavailable,
                "Too many passwords are waiting to be checked; try again.",
                Self.comeAgain
            )
        }
        let challenge = ("WWW-Authenticate", "Basic realm=\"\(settings.realm)\", charset=\"UTF-8\"")
        return answer(.unauthorized, "A user name and a password of this exporter are required.", challenge)
    }

    /// The answer above the rate limit.
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

/// The status codes that are counted.
///
/// libmicrohttpd gives some answers itself: 400, 413, 414, 431 and 500. It reports them only
/// after it has read the first line of the request. If it cannot read even that, it answers 400,
/// 414 or 505, which cannot be counted.
enum StatusCode: UInt32, CaseIterable {
    case ok = 200
    case movedPermanently = 301
    case badRequest = 400
    case unauthorized = 401
    case notFound = 404
    case methodNotAllowed = 405
    case contentTooLarge = 413
    case tooManyRequests = 429
    case headerFieldsTooLarge = 431
    case internalServerError = 500
    case serviceUnavailable = 503
}
