import CMicrohttpd
import Synchronization

// The functions that libmicrohttpd calls, on the thread of a daemon. They stand outside of types because a closure
// would inherit the actor of the place where it is written, and trap when C calls it from another thread.

/// The context that every callback is given. Its daemon keeps it alive.
private func site(_ context: UnsafeMutableRawPointer?) -> Site? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<Site>.fromOpaque(context).takeUnretainedValue()
}

/// The MHD_OPTION_URI_LOG_CALLBACK, called once for each request, when its first line is there: the client is at work
/// again, and has the shorter time. What it returns is the request's stage.
///
/// libmicrohttpd (0.9.75, connection.c) takes the lock that guards its lists of timeouts in MHD_set_connection_option
/// itself and holds it in none of the callbacks; it walks these lists on this same thread, with the next connection
/// already in hand.
func requestBegins(
    context: UnsafeMutableRawPointer?,
    uri: UnsafePointer<CChar>?,
    handle: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    if let site = unsafe site(context), let connection = unsafe Connection(handle) {
        connection.close(afterIdleSeconds: site.requestTimeout)
    }
    return unsafe RequestStage.begun.pointer
}

/// The MHD_AccessHandlerCallback, called when the headers are there, for each piece of the body, and when the body is
/// there.
func request(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    path: UnsafePointer<CChar>?,
    method: UnsafePointer<CChar>?,
    version: UnsafePointer<CChar>?,
    upload: UnsafePointer<CChar>?,
    uploadSize: UnsafeMutablePointer<Int>?,
    stage: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let site = unsafe site(context), let connection = unsafe Connection(handle), let path = unsafe path,
        let method = unsafe method, let uploadSize = unsafe uploadSize, let stage = unsafe stage
    else { return .NO }
    if unsafe RequestStage(stage.pointee) == .begun {
        // An answer in this first call would be sent with "Connection: close": there could still be a body.
        unsafe stage.pointee = RequestStage.headersRead.pointer
        return .YES
    }
    if unsafe uploadSize.pointee > 0 {
        // Read and dropped, so that the client may finish sending and then hears our answer.
        unsafe uploadSize.pointee = 0
        return .YES
    }
    let response = unsafe site.response(to: String(cString: method), at: String(cString: path))
    // The client may read its answer before the call returns, so it is counted first.
    site.counts.count(response.status)
    site.answersOnTheirWay.add(1, ordering: .relaxed)
    unsafe stage.pointee = RequestStage.answered.pointer
    return response.queue(on: connection) ? .YES : .NO
}

/// The MHD_OPTION_NOTIFY_COMPLETED callback, called once for each request that has begun, however it ended.
func requestEnds(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    stage: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    reason: MHD_RequestTerminationCode
) {
    guard let site = unsafe site(context), let connection = unsafe Connection(handle), let stage = unsafe stage else {
        return
    }
    if unsafe RequestStage(stage.pointee) == .answered {
        site.answersOnTheirWay.subtract(1, ordering: .relaxed)
    } else if let status = connection.status {
        // libmicrohttpd found something wrong with the request, and answered itself.
        site.counts.count(status)
    }
    if reason == .REQUEST_TERMINATED_COMPLETED_OK, !connection.closeIfClientHasClosed() {
        connection.close(afterIdleSeconds: site.idleTimeout)
    }
}

/// One line of libmicrohttpd's own log.
func logLine(context: UnsafeMutableRawPointer, text: UnsafePointer<CChar>) {
    var line = unsafe String(cString: text)[...]
    while line.last?.isNewline == true { line.removeLast() }
    unsafe site(context)?.log(String(line))
}
