import CMicrohttpd
import Glibc
import System

/// A client's connection as libmicrohttpd has it, valid during the callback that received it and no
/// longer.
@safe
struct Connection {
    let handle: OpaquePointer

    /// Nil where libmicrohttpd gave none, which it never does.
    init?(_ handle: OpaquePointer?) {
        guard let handle = unsafe handle else { return nil }
        unsafe self.handle = handle
    }

    var descriptor: CInt { unsafe cmhd_socket(handle) }

    /// The connections that it belongs to, as they were noted when it began.
    var owner: Connections? {
        guard let context = unsafe cmhd_context(handle) else { return nil }
        return unsafe Unmanaged<Connections>.fromOpaque(context).takeUnretainedValue()
    }

    /// The GnuTLS session; nil where it is plain HTTP.
    var session: OpaquePointer? { unsafe cmhd_tls_session(handle).map { OpaquePointer($0) } }

    /// The status code of the answer queued; nil where there is none, or it is one that is not
    /// counted.
    var status: StatusCode? { StatusCode(rawValue: unsafe cmhd_status(handle)) }

    var headers: RequestFields { unsafe RequestFields(handle, .HEADER_KIND) }

    /// The arguments of the request's query, decoded; one without `=` has an empty value.
    var arguments: RequestFields { unsafe RequestFields(handle, .GET_ARGUMENT_KIND) }

    var credentials: (user: [UInt8], password: [UInt8])? {
        var password: UnsafeMutablePointer<CChar>?
        guard let user = unsafe MHD_basic_auth_get_username_password(handle, &password) else { return nil }
        // Both are texts of malloc() that are ours now.
        defer { unsafe free(user) }
        defer { unsafe free(password) }
        return unsafe (Self.bytes(user), password.map { unsafe Self.bytes($0) } ?? [])
    }

    private static func bytes(_ text: UnsafeMutablePointer<CChar>) -> [UInt8] {
        unsafe UnsafeBufferPointer(start: text, count: strlen(text)).map(UInt8.init(bitPattern:))
    }

    /// From now on the connection is closed after so many seconds without a byte.
    ///
    /// libmicrohttpd (0.9.75, connection.c) takes the lock that guards its lists of timeouts in
    /// this call itself and holds it in none of the callbacks; it walks these lists on this same
    /// thread, with the next connection already in hand.
    func close(afterIdleSeconds seconds: Int) {
        unsafe cmhd_set_idle_seconds(handle, UInt32(seconds))
    }

    /// Lets the connection rest until resume(). To be called in the callback of its request.
    ///
    /// - Returns: what resume() takes.
    func suspend() -> UInt {
        unsafe MHD_suspend_connection(handle)
        return unsafe UInt(bitPattern: handle)
    }

    /// Lets a suspended connection go on: its request is asked for again.
    static func resume(_ suspended: UInt) {
        // libmicrohttpd ends no suspended connection, so that the address is still that of one.
        guard let handle = unsafe OpaquePointer(bitPattern: suspended) else { return }
        unsafe MHD_resume_connection(handle)
    }
}

// What can be done with the socket while libmicrohttpd holds it.
extension Connection {
    /// Makes libmicrohttpd see the end of the stream, and close. That resets the connection: what
    /// the client does not take would lie in the kernel for long.
    static func end(_ descriptor: CInt) {
        Sockets.resetAtClose(descriptor)
        Sockets.shutdown(descriptor)
    }

    /// Makes epoll report the end of a client's stream again, if nothing else is left to read.
    ///
    /// libmicrohttpd (0.9.75) can miss it: it stops reading when it gets less than it asked for,
    /// and epoll, edge-triggered, reports only once an end that came together with the last bytes
    /// of a request.
    ///
    /// - Returns: whether the client has closed its side.
    @discardableResult
    static func reportEndAgain(_ descriptor: CInt) -> Bool {
        guard Sockets.input(of: descriptor) == .end else { return false }
        // Changes nothing on the wire, as nothing can come any more.
        Sockets.shutdownReading(descriptor)
        return true
    }

    /// Whether unread bytes have arrived.
    static func hasUnread(_ descriptor: CInt) -> Bool { Sockets.input(of: descriptor) == .bytes }

    /// When something came after a moment; nil where nothing did, or where the socket is not TCP.
    static func lastReceived(_ descriptor: CInt, after moment: Duration, _ now: Duration) -> Duration? {
        guard let information = Sockets.tcpInformation(of: descriptor) else { return nil }
        let received = now - information.sinceLastReceived
        // The kernel counts in ticks of up to 10 ms: what came with the request before must not
        // count.
        return received > moment + .milliseconds(20) ? received : nil
    }

    /// Whether anything has come since the connection was made, other than its end.
    static func hasReceived(_ descriptor: CInt) -> Bool { Sockets.bytesReceived(on: descriptor) > 1 }

    /// How many connections wait to be accepted on a socket that listens; 0 where it is not TCP.
    static func waiting(on listener: CInt) -> Int { Sockets.tcpInformation(of: listener)?.unacknowledged ?? 0 }
}
