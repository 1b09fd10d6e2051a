/// The status codes that are counted.
///
/// libmicrohttpd gives some answers itself: 400, 413, 414, 431 and 500. It tells of them only once it has read the first
/// line of the request; where it cannot read even that, it answers 400, 414 or 505 and nobody can count it.
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
