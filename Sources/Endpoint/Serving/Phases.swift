import System

// The phases of a connection, and what is known of it in each.
extension Connections {
    enum Phase {
        /// It is accepted, and libmicrohttpd has not begun with it.
        case accepted
        /// Nothing of a request has come yet; over TLS, how far the handshake is.
        case opening(Handshake)
        case reading(Request)
        /// The request is whole and has no answer yet.
        case whole(Request)
        /// The same, and its connection is suspended in libmicrohttpd.
        case suspended(Request, Suspension)
        /// An answer is on its way.
        case answering(Response)
        case idle
        /// It was shut down here, and libmicrohttpd is about to notice.
        case closing
    }

    /// What is known of a request while it has no answer.
    struct Request {
        var bodyBytes = 0
        /// Whether its headers were checked.
        var isChecked = false
        /// Whether the rate limit admitted it.
        var isAdmitted = false
        var password: PasswordVerdict?
        var hasWaited = false
        /// Whether it has waited for a page on demand, and the page if it came.
        var hasOrdered = false
        var pageMade: Publication?
        /// Whether its question was asked, and the answer if it came.
        var hasAsked = false
        var answer: Endpoint.Question.Answer?
    }

    /// What a suspended connection waits for.
    struct Suspension {
        enum Reason: Equatable { case firstPage, password, onDemand(PageForm), question }
        let reason: Reason
        /// The address of libmicrohttpd's own record.
        let handle: UInt
    }

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

    /// A TLS handshake has come further.
    mutating func advance(to handshake: Handshake) {
        if case .opening = phase { phase = .opening(handshake) }
    }

    /// - Parameter seconds: the time that it has from now on; nil for the deadline of before.
    mutating func enter(_ phase: Connections.Phase, forAtMost seconds: Int? = nil) {
        self.phase = phase
        since = SystemClock.monotonic.now
        if let seconds { deadline = since + .seconds(seconds) }
    }
}
