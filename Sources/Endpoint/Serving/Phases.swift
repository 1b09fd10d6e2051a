// The phases of a connection, and what is known of it in each.
extension Connections {
    /// What a connection does.
    enum Phase {
        /// It is accepted, and libmicrohttpd has not begun with it.
        case accepted
        /// Nothing of a request has come yet; over TLS, how far the handshake is.
        case opening(Handshake)
        /// A request is being read.
        case reading(Request)
        /// The request is whole and has no answer yet.
        case whole(Request)
        /// The same, and libmicrohttpd was told to let the connection rest.
        case suspended(Request, Suspension)
        /// An answer is on its way; the page that it is made of, if any.
        case answering(StatusCode, Publication?)
        /// It waits for the next request.
        case idle
        /// It was shut down here, and libmicrohttpd is about to notice.
        case closing
    }

    /// What is known of a request while it has no answer.
    struct Request {
        /// Bytes of the body so far.
        var bodyBytes = 0
        /// Whether its headers were checked.
        var isChecked = false
        /// Whether the rate limit let it pass.
        var isAdmitted = false
        /// What the password turned out to be.
        var password: PasswordVerdict?
        /// Whether it has waited for the first page.
        var hasWaited = false
    }

    /// What a suspended connection waits for.
    struct Suspension {
        enum Reason { case firstPage, password }
        let reason: Reason
        /// The address of libmicrohttpd's own record.
        let handle: UInt
    }

    /// A connection that is open.
    struct Entry {
        /// Another number for each connection; descriptors come again.
        let number: UInt64
        /// The client's address without its port; empty for a client on a unix socket.
        let client: String
        /// The settings of its TLS session; nil for plain HTTP.
        var tls: TLSSettings?
        var phase: Phase
        /// When it is ended unless it has gone on, on CLOCK_MONOTONIC.
        var deadline: Duration
        /// When the phase began.
        var since: Duration
    }
}

extension Connections.Entry {
    /// Whether it could be ended without harm to a request.
    var isIdle: Bool {
        switch phase {
        case .opening, .idle: true
        case .accepted, .reading, .whole, .suspended, .answering, .closing: false
        }
    }

    /// Whether its client may go away in the middle of something.
    var isAtWork: Bool { if case .idle = phase { false } else { true } }

    mutating func enter(_ phase: Connections.Phase, forAtMost seconds: Int?) {
        self.phase = phase
        since = MonotonicClock.now
        if let seconds { deadline = since + .seconds(seconds) }
    }
}
