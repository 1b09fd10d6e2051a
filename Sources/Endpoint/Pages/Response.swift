import CMicrohttpd

/// An answer ready to go out, any number of times and on many connections at once, from one piece of memory.
///
/// A download on its way keeps the bytes alive after the last reference to the response is gone: libmicrohttpd counts
/// its own references.
@safe
final class Response: @unchecked Sendable {
    // Sendable because libmicrohttpd guards the count of references, and nothing else changes after init.

    let status: StatusCode
    let body: [UInt8]
    /// When the sample of the page was taken that it is; nil for any other answer.
    let sampledAt: Duration?
    private let headers: [Header]
    private let handle: OpaquePointer

    typealias Header = (name: String, value: String)

    /// Wraps bytes without copying them. The values of headers hold neither line breaks nor control characters.
    init(_ status: StatusCode, _ body: [UInt8], headers: [Header], sampledAt: Duration? = nil) {
        self.status = status
        self.body = body
        self.headers = headers
        self.sampledAt = sampledAt
        let retained = RetainedBytes(body)
        // The memory of an array stays where it is, and as it is, as long as somebody holds the array: RetainedBytes
        // does, until releaseBytes() is called.
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
