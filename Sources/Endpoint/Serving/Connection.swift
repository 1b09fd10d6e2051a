import CMicrohttpd
import Glibc

/// A client's connection as libmicrohttpd has it, valid during the callback that received it and no longer.
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

    /// The status code of the answer queued; nil where there is none, or it is one that is not counted.
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
    /// libmicrohttpd (0.9.75, connection.c) takes the lock that guards its lists of timeouts in this call itself and holds
    /// it in none of the callbacks; it walks these lists on this same thread, with the next connection already in hand.
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
    /// Makes libmicrohttpd see the end of the stream, and close. That resets the connection: what the client does not take
    /// would lie in the kernel for long.
    static func end(_ descriptor: CInt) {
        resetAtClose(descriptor)
        shutdown(descriptor, CInt(SHUT_RDWR))
    }

    /// Closed with a reset, a connection leaves no TIME_WAIT.
    static func resetAtClose(_ descriptor: CInt) {
        var atOnce = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
    }

    /// Makes epoll tell again of the end of a client's stream, if that is all that there is still to be read.
    ///
    /// libmicrohttpd (0.9.75) can miss it: it stops reading when it gets less than it asked for, and epoll,
    /// edge-triggered, tells but once of the end that came together with the last bytes of a request.
    ///
    /// - Returns: whether the client has closed its side.
    @discardableResult
    static func tellAgainOfEnd(_ descriptor: CInt) -> Bool {
        var byte: UInt8 = 0
        guard unsafe recv(descriptor, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) == 0 else { return false }
        // Changes nothing on the wire, as nothing can come any more.
        shutdown(descriptor, CInt(SHUT_RD))
        return true
    }

    /// Whether something has come that was not read yet.
    static func hasUnread(_ descriptor: CInt) -> Bool {
        var byte: UInt8 = 0
        return unsafe recv(descriptor, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) > 0
    }

    /// How many of these sockets have lost their client, whatever is still to be read.
    static func gone(among descriptors: [CInt]) -> Int {
        // POLLRDHUP (asm-generic/poll.h), which the C library shows to GNU sources only.
        let clientClosed: Int16 = 0x2000
        return ready(among: descriptors, for: clientClosed)
    }

    /// How many of these sockets have something to be read, or their end.
    static func readable(among descriptors: [CInt]) -> Int { ready(among: descriptors, for: Int16(POLLIN)) }

    private static func ready(among descriptors: [CInt], for events: Int16) -> Int {
        var sockets = descriptors.map { pollfd(fd: $0, events: events, revents: 0) }
        return unsafe Int(max(0, poll(&sockets, nfds_t(sockets.count), 0)))
    }

    /// When something came after a moment; nil where nothing did, or it is no TCP.
    static func lastReceived(_ descriptor: CInt, after moment: Duration, _ now: Duration) -> Duration? {
        guard let info = information(of: descriptor) else { return nil }
        let received = now - .milliseconds(Int(info.tcpi_last_data_recv))
        // The kernel counts in ticks of up to 10 ms: what came with the request before must not count.
        return received > moment + .milliseconds(20) ? received : nil
    }

    /// Whether anything has come since the connection was made.
    static func hasReceived(_ descriptor: CInt) -> Bool {
        // glibc's tcp_info ends before tcpi_bytes_received, the seventeenth 8 bytes of the kernel's (linux/tcp.h).
        var words = [UInt64](repeating: 0, count: 17)
        var length = socklen_t(words.count * MemoryLayout<UInt64>.size)
        let code = unsafe getsockopt(descriptor, CInt(IPPROTO_TCP), TCP_INFO, &words, &length)
        // The end of the stream counts as a byte.
        return code == 0 && words[16] > 1
    }

    /// How many connections wait to be accepted on a socket that listens; 0 where it is no TCP.
    static func waiting(on listener: CInt) -> Int {
        // For a socket that listens, tcp_get_info() of the kernel writes the length of the queue there.
        Int(information(of: listener)?.tcpi_unacked ?? 0)
    }

    private static func information(of descriptor: CInt) -> tcp_info? {
        var info = tcp_info()
        var length = socklen_t(MemoryLayout<tcp_info>.size)
        guard unsafe getsockopt(descriptor, CInt(IPPROTO_TCP), TCP_INFO, &info, &length) == 0 else { return nil }
        return info
    }
}
