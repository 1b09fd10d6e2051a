import CGnuTLS
import System

/// A TLS handshake between two sessions of this process, over a pair of sockets.
enum TrialHandshake {
    /// Lets a client shake hands with a server, with the same priorities.
    ///
    /// - Parameter cost: the CPU time that the server takes is added here.
    /// - Returns: 0, or the error of GnuTLS with which it failed.
    static func run(
        _ priorities: gnutls_priority_t,
        _ credentials: gnutls_certificate_credentials_t,
        cost: inout Duration
    ) -> CInt {
        guard let ends = try? Sockets.pair() else { return GNUTLS_E_PUSH_ERROR }
        defer {
            Sockets.close(ends.0)
            Sockets.close(ends.1)
        }
        let own = unsafe emptyCredentials()
        defer { unsafe gnutls_certificate_free_credentials(own) }
        guard let server = unsafe session(GNUTLS_SERVER, ends.0, priorities, credentials),
            let client = unsafe session(GNUTLS_CLIENT, ends.1, priorities, own)
        else { return GNUTLS_E_MEMORY_ERROR }
        defer {
            unsafe gnutls_deinit(client)
            unsafe gnutls_deinit(server)
        }
        // Neither waits: what one has sent the other finds at its next turn. A handshake has four messages at most.
        var states = (client: GNUTLS_E_AGAIN, server: GNUTLS_E_AGAIN)
        for _ in 0..<16 {
            if isOpen(states.client) { states.client = unsafe gnutls_handshake(client) }
            let begun = SystemClock.threadCPU.now
            if isOpen(states.server) { states.server = unsafe gnutls_handshake(server) }
            cost += SystemClock.threadCPU.now - begun
            if !isOpen(states.server), states.server != 0 { return states.server }
            if !isOpen(states.client), states.client != 0 { return states.client }
            if states.client == 0, states.server == 0 { return 0 }
        }
        return GNUTLS_E_TIMEDOUT
    }

    private static func isOpen(_ state: CInt) -> Bool {
        [GNUTLS_E_AGAIN, GNUTLS_E_INTERRUPTED, GNUTLS_E_WARNING_ALERT_RECEIVED].contains(state)
    }

    /// - Parameter priorities: nil for those of GnuTLS.
    static func session(
        _ side: gnutls_init_flags_t,
        _ descriptor: CInt,
        _ priorities: gnutls_priority_t?,
        _ credentials: gnutls_certificate_credentials_t
    ) -> gnutls_session_t? {
        var made: gnutls_session_t?
        guard unsafe gnutls_init(&made, side.rawValue | GNUTLS_NONBLOCK.rawValue | GNUTLS_NO_SIGNAL.rawValue) == 0,
            let made = unsafe made
        else {
            return nil
        }
        // None of these fails with objects that are whole.
        if let priorities = unsafe priorities {
            unsafe gnutls_priority_set(made, priorities)
        } else {
            unsafe gnutls_set_default_priority(made)
        }
        unsafe gnutls_credentials_set(made, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials))
        unsafe gnutls_transport_set_int2(made, descriptor, descriptor)
        return unsafe made
    }
}
