import CMicrohttpd
import Glibc

/// A client's connection, valid during the callback that received it and no longer.
@safe
struct Connection {
    let handle: OpaquePointer

    /// Nil where libmicrohttpd gave none, which it never does.
    init?(_ handle: OpaquePointer?) {
        guard let handle = unsafe handle else { return nil }
        unsafe self.handle = handle
    }

    /// What was noted of the connection when it began.
    var record: ConnectionRecord? {
        guard let context = unsafe cmhd_context(handle) else { return nil }
        return unsafe Unmanaged<ConnectionRecord>.fromOpaque(context).takeUnretainedValue()
    }

    /// The client's address without its port; empty for a client on a unix socket.
    var clientAddress: String {
        guard let address = unsafe cmhd_client_address(handle) else { return "" }
        return unsafe SocketAddress(copying: address)?.host ?? ""
    }

    /// The connection's socket.
    var descriptor: CInt {
        unsafe cmhd_socket(handle)
    }

    /// The GnuTLS session; nil where it is plain HTTP.
    var session: OpaquePointer? {
        unsafe cmhd_tls_session(handle).map { OpaquePointer($0) }
    }

    /// The headers of the request.
    var headers: RequestHeaders {
        unsafe RequestHeaders(handle)
    }

    /// The bytes of the request's first line and headers, with their ends and the empty line.
    var headersSize: Int {
        unsafe cmhd_headers_size(handle)
    }

    /// From now on the connection is closed after so many seconds without a byte.
    func close(afterIdleSeconds seconds: UInt32) {
        unsafe cmhd_set_idle_seconds(handle, seconds)
    }

    /// Closes the connection once its answers are out, if the client has closed its side.
    ///
    /// - Returns: whether the client has closed its side.
    func closeIfClientHasClosed() -> Bool {
        Self.tellAgainOfEnd(descriptor)
    }

    /// Makes epoll tell again of the end of a client's stream, if that is all that there is still to be read.
    ///
    /// libmicrohttpd (0.9.75) can miss it: it stops reading when it gets less than it asked for, and epoll,
    /// edge-triggered, tells but once of the end that came together with the last bytes of a request. Without this the
    /// connection would stay until it has been idle too long, and such clients would use up all connections.
    ///
    /// - Returns: whether the client has closed its side.
    @discardableResult
    static func tellAgainOfEnd(_ descriptor: CInt) -> Bool {
        var byte: UInt8 = 0
        guard unsafe recv(descriptor, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) == 0 else {
            return false
        }
        // Changes nothing on the wire, as nothing can come any more.
        shutdown(descriptor, CInt(SHUT_RD))
        return true
    }

    /// The status code of the answer queued; nil where there is none, or it is one that we do not know.
    var status: StatusCode? {
        StatusCode(rawValue: unsafe cmhd_status(handle))
    }
}
