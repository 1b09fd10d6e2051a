import CMicrohttpd
import Glibc

/// What we know of a client's connection, from accept() to its end.
///
/// libmicrohttpd's own timeouts count from the last byte, so that one byte every nine seconds keeps a request alive for
/// ever. Here each phase of a connection has a deadline that no byte moves.
final class ConnectionRecord: Sendable {
    /// The client's address, without its port.
    let client: String
    /// The settings of the TLS session; nil where it is plain HTTP.
    let tls: TLSSettings?
    /// How far the request of now has come. Only the daemon's thread uses it.
    let request = Guarded(RequestProgress())
    private let state: Guarded<State>

    private struct State {
        /// -1 once libmicrohttpd is about to close it.
        var descriptor: CInt
        var deadline: Duration
        /// When it began to wait for its next request; nil where it does not.
        var idleSince: Duration?
        /// The suspended connection, by the address of libmicrohttpd's own record.
        var suspended: UInt?
    }

    init(of connection: Connection, tls: TLSSettings?, deadline: Duration) {
        client = connection.clientAddress
        self.tls = tls
        state = Guarded(State(descriptor: connection.descriptor, deadline: deadline))
    }

    /// From now on the connection has to be further by this time, on CLOCK_MONOTONIC.
    func setDeadline(_ deadline: Duration) {
        state.withLock { state in
            state.deadline = deadline
            state.idleSince = nil
        }
    }

    /// The connection's answer is out; it may wait so long for the next request.
    func becomesIdle(for patience: Duration) {
        let now = MonotonicClock.now
        state.withLock { state in
            state.deadline = now + patience
            state.idleSince = now
        }
    }

    /// Whether it waits for its next request.
    var isIdle: Bool { state.withLock { $0.idleSince != nil } }

    /// Ends the connection at once.
    func reset() {
        state.withLock { if $0.descriptor >= 0 { Self.end($0.descriptor) } }
    }

    /// Ends the connection if its deadline is over; if it is suspended, lets it go on instead, to be answered.
    ///
    /// - Parameter requestTimeout: the longest that a request may take once it has begun.
    /// - Returns: whether a request is being read.
    @discardableResult
    func enforceDeadline(at now: Duration, requestTimeout: Duration) -> Bool {
        let isReading = request.withLock { [.none, .begun, .headersRead].contains($0.stage) }
        let isSuspended = state.withLock { state in
            guard state.descriptor >= 0 else { return false }
            if let idleSince = state.idleSince, let begun = Self.requestBegan(state.descriptor, after: idleSince, now) {
                // libmicrohttpd tells of a request only when its first line is whole.
                state.idleSince = nil
                state.deadline = begun + requestTimeout
            }
            // libmicrohttpd misses the end of a stream that came together with its last bytes, and so would hold the
            // place of a client that went away in the middle of a request.
            if isReading, state.suspended == nil { Connection.tellAgainOfEnd(state.descriptor) }
            guard now >= state.deadline else { return false }
            if state.suspended == nil { Self.end(state.descriptor) }
            return state.suspended != nil
        }
        if isSuspended { resume() }
        return isReading && !isIdle
    }

    /// When something came after the connection became idle; nil where nothing did, or it is no TCP.
    private static func requestBegan(_ descriptor: CInt, after idleSince: Duration, _ now: Duration) -> Duration? {
        var info = tcp_info()
        var length = socklen_t(MemoryLayout<tcp_info>.size)
        guard unsafe getsockopt(descriptor, CInt(IPPROTO_TCP), TCP_INFO, &info, &length) == 0 else { return nil }
        let received = now - .milliseconds(Int(info.tcpi_last_data_recv))
        // The kernel counts in ticks of up to 10 ms: what came with the request before must not count.
        return received > idleSince + .milliseconds(20) ? received : nil
    }

    /// Makes libmicrohttpd see the end of the stream, and close; the descriptor is its own until then. That resets the
    /// connection: what the client does not take would lie in the kernel for long, and a FIN would leave a TIME_WAIT.
    private static func end(_ descriptor: CInt) {
        var atOnce = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
        shutdown(descriptor, CInt(SHUT_RDWR))
    }

    /// Lets the connection rest until resume(). To be called on the daemon's thread, from its callback.
    func suspend(_ connection: Connection, until deadline: Duration) {
        unsafe MHD_suspend_connection(connection.handle)
        state.withLock { state in
            state.suspended = unsafe UInt(bitPattern: connection.handle)
            state.deadline = deadline
        }
    }

    /// Lets a suspended connection go on: its request is asked for again. On any thread, and any number of times.
    func resume() {
        let suspended = state.withLock { state in
            // Its patience may be over; it has still to be answered, on a busy machine too.
            if state.suspended != nil { state.deadline = MonotonicClock.now + .seconds(10) }
            defer { state.suspended = nil }
            return state.suspended
        }
        // It was there when it was suspended, and libmicrohttpd ends no suspended connection.
        guard let suspended, let handle = unsafe OpaquePointer(bitPattern: suspended) else { return }
        unsafe MHD_resume_connection(handle)
    }

    /// libmicrohttpd is about to close the descriptor, which may be another connection's afterwards.
    func end() {
        state.withLock { $0.descriptor = -1 }
    }
}

/// How far a request has come.
struct RequestProgress {
    /// The steps of a request.
    enum Stage {
        /// There is none, or its first line is not whole.
        case none
        /// The first line is there.
        case begun
        /// The headers are there; the body may follow.
        case headersRead
        /// All of it is there; the answer may have to wait.
        case whole
        /// We have queued an answer.
        case answered
    }

    var stage = Stage.none
    /// The target as it came, before anything in it was decoded.
    var target: [UInt8] = []
    /// Behind its last byte in libmicrohttpd's memory.
    var targetEnd: UInt = 0
    /// Bytes of the body so far.
    var bodyBytes = 0
    /// Whether the limit of requests let it pass.
    var isAdmitted = false
    /// What the password turned out to be.
    var password: PasswordVerdict?
    /// Whether it has waited for the first page.
    var hasWaited = false
}
