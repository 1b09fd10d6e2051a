import CCurl
import Glibc
import System

/// A request that is sent again and again.
@safe
final class Transfer {
    struct Request {
        let url: String
        /// The header `Host` where it is not that of the URL.
        let hostHeader: String?
        let http: HTTPSettings
        let isKept: Bool
    }

    /// How a transfer ended.
    struct Ending {
        /// The CURLcode.
        let code: Int
        let text: String
        let errno: CInt
        let status: Int
        let connections: Int
        let isConnected: Bool
    }

    let curl: UnsafeMutableRawPointer
    var headers: UnsafeMutableRawPointer?
    var places: UnsafeMutableRawPointer?
    unowned let client: HTTPClient
    var isRunning = false
    private(set) var startedAt = Duration.zero
    /// Whose transfer it is.
    var probing: Probing?
    private let bodyLimit: Int
    private var received = 0
    private(set) var isTooLong = false
    private(set) var hasFirstByte = false
    /// The most bytes of the answer's head.
    static let headLimit = 64 * 1024
    private var head = 0
    var isHeadTooLong: Bool { head > Self.headLimit }

    init(_ request: Request, _ curl: UnsafeMutableRawPointer, _ client: HTTPClient) {
        // The client frees it.
        unsafe self.curl = curl
        self.client = client
        bodyLimit = request.http.bodyLimit
    }

    func begin() {
        (received, isTooLong, hasFirstByte, head) = (0, false, false, 0)
        startedAt = SystemClock.monotonic.now
        isRunning = true
    }

    /// Counts a piece of the head; false where it is too long by that.
    func takeHead(_ count: Int) -> Bool {
        hasFirstByte = true
        head += count
        return !isHeadTooLong
    }

    /// Counts a piece of the body; false where it is too long by that.
    func take(_ count: Int) -> Bool {
        hasFirstByte = true
        received += count
        isTooLong = received > bodyLimit
        return !isTooLong
    }

    func opened(_ socket: CInt) -> Bool { client.hooks.opened(self, socket) }
    func closing(_ socket: CInt) { client.hooks.closing(self, socket) }
}

// The callbacks of a transfer, with the context that HTTPClient has given to libcurl.

func openSocket(_ context: UnsafeMutableRawPointer?, _ socket: CInt, _ purpose: CInt) -> CInt {
    // The context is the transfer, which outlives its handle.
    guard let context = unsafe context else { return 1 }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().opened(socket) ? 0 : 1
}

func closeSocket(_ context: UnsafeMutableRawPointer?, _ socket: CInt) -> CInt {
    // The context is the transfer, which outlives its handle.
    guard let context = unsafe context else { return 1 }
    unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().closing(socket)
    return 0
}

func receiveHeader(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ one: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    unsafe pass(one * count, to: context) { $0.takeHead($1) }
}

func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ one: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    unsafe pass(one * count, to: context) { $0.take($1) }
}

/// Passes a number of received bytes on.
///
/// - Returns: that number; any other aborts the transfer.
private func pass(_ bytes: Int, to context: UnsafeMutableRawPointer?, _ take: (Transfer, Int) -> Bool) -> Int {
    // The context is the transfer, which outlives its handle.
    guard let context = unsafe context else { return 0 }
    return take(unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue(), bytes) ? bytes : 0
}
